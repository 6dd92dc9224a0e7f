/** One value of a metric. */
export interface Sample {
  name: string;
  /** As Prometheus writes them, without the braces. */
  labels: string;
  value: number;
  help: string;
}

/** The samples of a text in Prometheus's format. */
export function read(text: string): Sample[] {
  const help = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.split('\n')) {
    const told = /^# HELP (\S+) (.*)$/.exec(line);
    if (told) help.set(told[1] ?? '', told[2] ?? '');
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) continue;
    const [, name = '', labels = '', value = ''] = match;
    samples.push({
      name,
      labels,
      value: Number(value),
      help: help.get(name.replace(/_(sum|count|bucket)$/, '')) ?? help.get(name) ?? '',
    });
  }
  return samples;
}

/** The sum of a metric over its labels; nothing if there is none. */
export function one(samples: Sample[], name: string): number | undefined {
  const found = samples.filter(sample => sample.name === name);
  return found.length === 0 ? undefined : found.reduce((sum, { value }) => sum + value, 0);
}
