/** `500m`, `2`, `4Gi`: numbers as Kubernetes writes them. NaN: it is none. */
const SUFFIX: Readonly<Record<string, number>> = { '': 1, n: 1e-9, u: 1e-6, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, Ki: 1024, Mi: 1024 ** 2, Gi: 1024 ** 3, Ti: 1024 ** 4, Pi: 1024 ** 5 }

export function quantity(text: string): number {
  const found = /^([+-]?\d+(?:\.\d*)?|\.\d+)([numkMGTP]|[KMGTP]i)?$/.exec(text)
  return found === null ? Number.NaN : Number(found[1]) * (SUFFIX[found[2] ?? ''] ?? Number.NaN)
}
