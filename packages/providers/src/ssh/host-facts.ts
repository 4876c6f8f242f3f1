/** Whether a host can have workspaces, by what it said of itself. Pure. */
export interface Facts { readonly uid: string; readonly system: string; readonly systemd: string; readonly machine: string; readonly libc: string; readonly freeKib: number; readonly firewalld: boolean; readonly missing: readonly string[] }
export interface Refusal { readonly detail: string; readonly hint: string }

const LEAST_SYSTEMD = 240
const KIB_A_GB = 1024 ** 2

export function factsIn(said: string): Facts {
  const lines = said.split('\n').map((line): [string, string] => [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)])
  const of = (name: string): string => lines.find(([each]) => each === name)?.[1] ?? ''
  return { uid: of('uid'), system: of('system') || 'an unknown system', systemd: of('systemd'), machine: of('machine'), libc: of('libc'), freeKib: Number(of('free')) || 0, firewalld: of('firewalld') === 'yes', missing: lines.flatMap(([name, value]) => (name === 'missing' ? [value] : [])) }
}

/** Null: it can. */
export function unfit({ uid, system, systemd, machine, libc, missing }: Facts): Refusal | null {
  if (uid !== '0') return { detail: 'it does not let us be root', hint: 'set it up with root@, or with a user that may run sudo without a password' }
  if (systemd === '') return { detail: `${system} runs no systemd, which keeps workspaces apart and within their limits`, hint: 'use a host with systemd, or a container engine with --provider docker' }
  if (Number(systemd) < LEAST_SYSTEMD) return { detail: `systemd ${systemd} is too old`, hint: `it takes ${LEAST_SYSTEMD} or later` }
  if (machine !== 'x86_64' || !libc.startsWith('glibc')) return { detail: `the daemon is not built for ${machine} with ${libc}`, hint: 'use a host with x86_64 and glibc' }
  return missing.length === 0 ? null : { detail: `it lacks ${missing.join(', ')}`, hint: 'on Debian and Ubuntu: apt-get install git curl nftables iproute2 util-linux' }
}

export const described = ({ system, systemd, freeKib }: Facts): string => `${system}, systemd ${systemd}, ${Math.floor(freeKib / KIB_A_GB)} GB free`

export const adviceOn = ({ firewalld }: Facts): string | null => (firewalld ? 'firewalld is on there: let it forward what comes from interfaces named bw*' : null)
