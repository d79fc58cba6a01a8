import { PassthroughError } from '../errors.ts';
import {
  type Check,
  type CheckName,
  GUEST_CHECKS,
  type GuestNeeds,
  GuestSubject,
  HOST_CHECKS,
  Subject,
} from './check-list.ts';
import type { HostFacts, PciDeviceFacts } from './host-facts.ts';

/** `warning`: it does not keep a guest from starting. `skipped`: a check before it failed, and it would say nothing. */
export type Outcome = 'pass' | 'fail' | 'warning' | 'skipped';

/** What came of one check. */
export interface CheckResult {
  readonly name: CheckName;
  readonly title: string;
  readonly outcome: Outcome;
  /** What was found. */
  readonly fact: string;
  /** The files that say so. */
  readonly sources: readonly string[];
  /** What mends it. */
  readonly remedy?: string;
  /** Sysfs gives a sign only; when a guest is started, the kernel decides. */
  readonly kernelDecides: boolean;
}

/**
 * Makes each check about a device.
 * @param guest absent: only those about host and device
 */
export function checkAll(facts: HostFacts, address: string, guest?: GuestNeeds): CheckResult[] {
  const failed = new Set<CheckName>();
  const results = runChecks(HOST_CHECKS, new Subject(facts, address), failed);
  if (guest === undefined) return results;
  return [...results, ...runChecks(GUEST_CHECKS, new GuestSubject(facts, address, guest), failed)];
}

function runChecks<S extends Subject>(
  checks: readonly Check<S>[],
  subject: S,
  failed: Set<CheckName>,
): CheckResult[] {
  return checks.map((check) => {
    const { name, title, kernelDecides = false } = check;
    const missing = check.needs.find((need) => failed.has(need));
    if (missing !== undefined) {
      failed.add(name);
      return {
        name,
        title,
        outcome: 'skipped',
        fact: `it depends on '${missing}'`,
        sources: [],
        kernelDecides,
      };
    }
    const sources = check.sources(subject);
    const base = { name, title, sources, kernelDecides };
    try {
      const { fact, warning } = check.find(subject);
      return { ...base, outcome: warning === undefined ? 'pass' : 'warning', fact, ...warning };
    } catch (error) {
      if (!(error instanceof PassthroughError)) throw error;
      failed.add(name);
      const remedy = error.remedy === undefined ? {} : { remedy: error.remedy };
      return { ...base, outcome: 'fail', fact: error.message, ...remedy };
    }
  });
}

/** What a device lacks first, in a few words; undefined for one that is ready. */
export function firstLack(results: readonly CheckResult[]): string | undefined {
  const failed = results.find(({ outcome }) => outcome === 'fail');
  return HOST_CHECKS.find(({ name }) => name === failed?.name)?.lacking;
}

/** A device that can be opened, with its IOMMU group. */
export interface UsableDevice extends PciDeviceFacts {
  readonly group: number;
}

/**
 * Finds out, without opening anything, whether a device can be handed to a guest, by the same checks.
 * @param guest absent: only those about host and device
 * @throws PassthroughError with the first fact that stands against it and the command that mends it
 */
export function checkDevice(facts: HostFacts, address: string, guest?: GuestNeeds): UsableDevice {
  const failed = checkAll(facts, address, guest).find(
    ({ outcome, kernelDecides }) => outcome === 'fail' && !kernelDecides,
  );
  if (failed !== undefined) throw new PassthroughError(failed.fact, failed.remedy);
  const { device, group } = new Subject(facts, address);
  return { ...device, group };
}
