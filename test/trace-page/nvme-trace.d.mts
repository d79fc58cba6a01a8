/** Lines of a trace with so many events: header and events. */
export function nvmeLines(count: number): string[];
