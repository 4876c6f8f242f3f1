/**
 * A laptop and a server on two networks of their own, joined by one cable: network namespaces and a pair of virtual
 * Ethernet ends. What runs on the laptop has no other way to anything.
 */

/** Of the tests' own block (RFC 2544), which leads nowhere. */
const SERVER_ADDRESS = '198.18.77.1'
const laptopAddress = (at: number): string => `198.18.77.${1 + at}`

export interface Computer {
  /** Before the words of a command that runs there. */
  readonly through: readonly string[]
  /** What runs there. */
  pids(): number[]
}
export interface Desk {
  readonly serverAddress: string
  readonly server: Computer
  /** Another one each time: the one before has to be gone. */
  openLaptop(): Computer
  /** The cable is pulled, then the power: nothing on it says goodbye to anybody. */
  loseLaptop(): void
  close(): void
}

export function openDesk(): Desk {
  const names = { server: `berth-s${process.pid}`, laptop: '', far: '', near: '' }
  let laptop: Computer | null = null
  let laptops = 0
  const computer = (name: string): Computer => ({ through: ['nsenter', `--net=/run/netns/${name}`], pids: () => pidsOf(name) })
  const server = computer(names.server)
  addNamespace(names.server)
  // Listened on while there is no cable.
  ip('-n', names.server, 'address', 'add', `${SERVER_ADDRESS}/32`, 'dev', 'lo')

  function loseLaptop(): void {
    if (laptop === null) return
    ip('-n', names.laptop, 'link', 'set', names.near, 'down')
    for (const pid of laptop.pids()) kill(pid)
    // Both ends go with the namespace of one of them.
    ip('netns', 'delete', names.laptop)
    laptop = null
  }
  return {
    serverAddress: SERVER_ADDRESS, server, loseLaptop,
    openLaptop() {
      if (laptop !== null) throw new Error('there is a laptop on the desk')
      laptops += 1
      // The end of a lost one's cable stays in the server until its network is swept up.
      Object.assign(names, { laptop: `berth-l${laptops}-${process.pid}`, far: `bs${laptops}-${process.pid}`, near: `bl${laptops}-${process.pid}` })
      const address = laptopAddress(laptops)
      addNamespace(names.laptop)
      laptop = computer(names.laptop)
      ip('link', 'add', names.near, 'netns', names.laptop, 'type', 'veth', 'peer', 'name', names.far, 'netns', names.server)
      for (const [name, end, own, peer] of [[names.server, names.far, SERVER_ADDRESS, address], [names.laptop, names.near, address, SERVER_ADDRESS]] as const) {
        ip('-n', name, 'address', 'add', own, 'peer', peer, 'dev', end)
        ip('-n', name, 'link', 'set', end, 'up')
      }
      return laptop
    },
    close() {
      loseLaptop()
      for (const pid of server.pids()) kill(pid)
      ip('netns', 'delete', names.server)
    },
  }
}

function addNamespace(name: string): void {
  ip('netns', 'add', name)
  ip('-n', name, 'link', 'set', 'lo', 'up')
}

function pidsOf(name: string): number[] {
  const { stdout } = Bun.spawnSync(['ip', 'netns', 'pids', name])
  return stdout.toString().split('\n').filter(Boolean).map(Number)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}

function ip(...words: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync(['ip', ...words])
  if (exitCode !== 0) throw new Error(`ip ${words.join(' ')}: ${stderr.toString().trim()}`)
}
