import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { withoutQemuSpellings } from '../../src/cli/qemu-arguments.ts';
import { QEMU_OPTIONS } from '../../src/cli/qemu-options.ts';
import { addRunOptions } from '../../src/cli/run.ts';
import { OptionError } from '../../src/errors.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { FakeWorld } from './fake-io.ts';

const OWN = addRunOptions(new Command()).options;

/** A command line in armemu's words, and what the person is told. */
function translate(...argv: string[]): { readonly argv: string[]; readonly notes: string[] } {
  const notes: string[] = [];
  return { argv: withoutQemuSpellings(argv, OWN, (text) => notes.push(text)), notes };
}

/** The same of one text, whose words may stand in double quotes. */
function line(text: string): string[] {
  return translate(...words(text)).argv;
}

function words(text: string): string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}

function refusal(...argv: string[]): string {
  try {
    translate(...argv);
  } catch (error) {
    if (error instanceof OptionError) return `${error.message}\n${error.remedy}`;
    throw error;
  }
  throw new Error('it was taken');
}

describe("QEMU's command line, with 'armemu run' for 'qemu-system-arm'", () => {
  const APPEND = 'root=/dev/mmcblk0p1 rootfstype=ext4 rw console=ttyAMA0,38400n8 rootwait';

  test('of the question that started it all becomes the documented one', () => {
    expect(
      line(
        `-M vexpress-a9 -cpu cortex-a9 -m 1024 -smp 2 -kernel vmlinuz -initrd initrd.img -append "${APPEND}" -sd debian.img -dtb vexpress-v2p-ca9.dtb -serial stdio -nographic -device vfio-pci,host=01:00.0`,
      ),
    ).toEqual(
      words(
        `--machine vexpress-a9 --cpu cortex-a9 --memory 1024 --smp 2 --kernel vmlinuz --initrd initrd.img --append "${APPEND}" --sd debian.img --dtb vexpress-v2p-ca9.dtb --vfio 01:00.0`,
      ),
    );
  });

  test.each<[string, string]>([
    [
      '-machine type=virt,gic-version=3,accel=tcg -m size=1G,slots=2',
      '--machine virt,gic-version=3 --memory 1G',
    ],
    ['-M virt,highmem=off,secure=off', '--machine virt'],
    ['-M virt,dumpdtb=virt.dtb', '--machine virt --dump-dtb virt.dtb'],
    ['-smp cpus=4,maxcpus=8', '--smp 4'],
    ['-smp sockets=1,cores=2,threads=2', '--smp 4'],
    ['-cpu cortex-a15,neon=on', '--cpu cortex-a15'],
    ['-bios u-boot.bin -pflash vars.fd -snapshot', '--bios u-boot.bin --pflash vars.fd --snapshot'],
    ['-s -S', '--gdb 1234 --stopped'],
    ['-gdb tcp::3333 -d guest_errors', '--gdb tcp::3333 --log guest_errors'],
    ['-monitor none -display none -nodefaults -name guest -no-reboot', '--no-reboot'],
    ['-serial mon:stdio -serial null', ''],
    ['-semihosting-config enable=on,target=native', '--semihosting'],
    ['-icount shift=auto', '--clock instructions'],
    ['-hda disk.img', '--drive file=disk.img'],
    ['-cdrom a.iso', '--drive file=a.iso,format=raw,readonly=on'],
    ['-drive file=a.img,format=raw,if=virtio', '--drive file=a.img,format=raw'],
    ['-drive file=card.img,if=sd,format=raw', '--drive if=sd,file=card.img,format=raw'],
    ['-drive if=pflash,format=raw,readonly=on,file=code.fd', '--pflash code.fd,readonly'],
    [
      '-drive file=a.qcow2,if=none,id=hd0,cache=none -device virtio-blk-device,drive=hd0',
      '--drive file=a.qcow2,bus=mmio',
    ],
    [
      '-device virtio-blk-pci,drive=x,num-queues=2,serial=A -drive file=a,if=none,id=x',
      '--drive file=a,bus=pci,serial=A,queues=2',
    ],
    [
      '-netdev user,id=n0,hostfwd=tcp::2222-:22 -device virtio-net-device,netdev=n0,mac=52:54:00:00:00:01',
      '--nic user,hostfwd=tcp::2222-:22,mac=52:54:00:00:00:01,bus=mmio',
    ],
    ['-nic user,model=virtio-net-pci', '--nic user,bus=pci'],
    ['-net nic -net user,hostfwd=tcp::2222-:22', '--nic user,hostfwd=tcp::2222-:22'],
    ['-nic user,model=lan9118,mac=52:54:00:00:00:01', '--nic user,mac=52:54:00:00:00:01,model=lan9118'],
    [
      '-net user -net nic,model=lan9118,macaddr=52:54:00:00:00:01',
      '--nic user,mac=52:54:00:00:00:01,model=lan9118',
    ],
    ['-nic none -net none', '--nic none'],
    [
      '-fsdev local,id=f,path=dir,security_model=none -device virtio-9p-device,fsdev=f,mount_tag=t',
      '--share path=dir,tag=t,bus=mmio',
    ],
    [
      '-virtfs local,path=dir,mount_tag=t,security_model=none,readonly=on',
      '--share path=dir,tag=t,readonly=on',
    ],
    ['-device virtio-rng-pci -device edu', '--rng --edu'],
    ['-device vfio-pci,sysfsdev=/sys/bus/pci/devices/0000:01:00.0', '--vfio 0000:01:00.0'],
  ])('%s', (qemu, armemu) => {
    const { argv, notes } = translate(...words(qemu));
    expect(argv).toEqual(words(armemu));
    expect(notes.filter((note) => !note.includes('has no meaning here'))).toEqual([]);
  });

  test('a comma in a file name stays one', () => {
    expect(line('-hda a,b.img')).toEqual(['--drive', 'file=a,,b.img']);
    expect(line('-drive file=a,,b.img')).toEqual(['--drive', 'file=a,,b.img']);
  });

  test.each([
    ['-enable-kvm', 'armemu translates guest code by itself'],
    ['-display gtk', 'no window is opened'],
    ['-monitor stdio', 'Ctrl-A c'],
    ['-cpu cortex-a15,pmu=off', 'pmu=off has no meaning here'],
    ['-drive file=a,if=none,id=lost', "no -device names 'lost'"],
    ['-device edu,dma_mask=1', 'dma_mask=1 has no meaning here'],
  ])('%s is taken, and the person is told', (text, note) => {
    expect(translate(...words(text)).notes.join('\n')).toContain(note);
  });

  test.each([
    ['-device e1000e', '--vfio ADDRESS'],
    ['-device virtio-blk-device,drive=none', "there is no drive 'none'"],
    ['-device virtio-net-pci', 'it has no netdev='],
    ['-drive file=a,if=ide', 'write if=virtio, or if=sd'],
    ['-drive file=a,if=none', 'it has no id='],
    ['-drive file=a,snapshot=on', 'write --snapshot'],
    ['-nic tap,ifname=tap0', '--nic user'],
    ['-nic user,model=e1000', 'there are: virtio, '],
    ['-serial pty', 'redirect'],
    ['-serial stdio -serial stdio', 'only the first serial port'],
    ['-monitor telnet::4444,server', 'Ctrl-A c'],
    ['-machine help', 'armemu list'],
    ['-daemonize', "'&'"],
    ['-loadvm a', '--restore FILE'],
  ])('%s is refused, and what to write instead is told', (text, remedy) => {
    expect(refusal(...words(text))).toContain(remedy);
  });

  test('an option that nobody has says what was meant', () => {
    expect(refusal('-kernle', 'vmlinuz')).toContain("unknown option '-kernle'; did you mean '-kernel'?");
    expect(refusal('-vfio', '01:00.0')).toContain("did you mean '--vfio'?");
    expect(refusal('-qqqqqqqq')).toContain("unknown option '-qqqqqqqq'\n");
    expect(refusal('-kernel')).toContain("option '-kernel' argument missing");
  });
});

describe("armemu's own command line", () => {
  test.each([
    '-M virt -m 1G -k a.elf -S -d unimp --smp 2',
    '--append -smp --kernel -nographic',
    '--memory=1G --no-edu --stats json -h',
    '--drive file=a.img,bus=pci --nic hub=a --snapshot',
    'stray -- -smp 2',
  ])('%s means what it meant', (text) => {
    const own = text
      .replace('-M virt -m 1G', '--machine virt --memory 1G')
      .replace('-S -d', '--stopped --log');
    expect(line(text)).toEqual(words(own));
  });

  test('a value may stand directly behind a letter', () => {
    expect(line('-m512M -kguest.elf')).toEqual(['-m512M', '-kguest.elf']);
  });

  test('options made of devices stand before what is no option', () => {
    expect(line('-device edu -- file')).toEqual(['--edu', '--', 'file']);
  });
});

test("each of QEMU's options leads to options that there are, or says why not", () => {
  const known = new Set([...OWN.map(({ long }) => long), '--help']);
  for (const [name, { takesValue }] of Object.entries(QEMU_OPTIONS)) {
    try {
      const { argv } = translate(`-${name}`, ...(takesValue ? ['x'] : []));
      for (const word of argv.filter((part) => part.startsWith('--'))) expect(known).toContain(word);
    } catch (error) {
      if (!(error instanceof OptionError)) throw error;
      expect(error.remedy).toBeTruthy();
    }
  }
});

describe('armemu run', () => {
  const directory = temporaryFolder();
  const kernel = join(directory, 'kernel.elf');
  writeFileSync(kernel, 'an ELF file, for all that the command knows');

  test("is told of a guest in QEMU's words", async () => {
    const world = new FakeWorld();
    const argv = `-M virt -cpu cortex-a15 -smp 2 -m 256 -nographic -enable-kvm -append "a -smp b" -kernel ${kernel}`;
    expect(await world.run('run', ...words(argv))).toBe(0);
    expect(world.machines[0].options).toMatchObject({
      cpu: 'cortex-a15',
      smp: 2,
      memory: '256',
      append: 'a -smp b',
    });
    expect(world.stderr.text).toContain('armemu: note: armemu translates guest code by itself');
  });

  test('says as an error of its own what it refuses', async () => {
    const world = new FakeWorld();
    expect(await world.run('run', '-vnc', ':0')).toBe(2);
    expect(world.stderr.text).toBe('armemu: -vnc: the guest is on this terminal only\n  leave it out\n');
    expect(world.machines).toEqual([]);
  });
});
