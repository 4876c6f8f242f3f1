/** The Engine API by itself, for the floor and for finding what the product made. */
import { BerthError } from '@berth/wire/error'

const CALL_MS = 60_000

interface Mount { readonly Type: string; readonly Source: string; readonly Target: string }
export interface RawImage { readonly reference: string; readonly mounts: readonly Mount[] }
export interface Engine {
  /** The image of a workspace's container, with what of this host it borrows. */
  imageOf(workspaceId: string): Promise<RawImage>
  /** Creates and starts a container that sleeps, and removes it. The removal is not in the time. */
  createAndStart(image: RawImage): Promise<number>
  /** Makes an image like the product's default one, without tmux. */
  imageWithoutTmux(): Promise<{ reference: string; remove(): Promise<void> }>
  /** A file of the workspace's container. */
  readFile(workspaceId: string, path: string): Promise<string>
  /** Where a server of this host listens for containers, which know it as `host.docker.internal`. */
  hostAddress(): Promise<string>
}

export async function openEngine(): Promise<Engine> {
  const socket = socketPath()
  const call = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`http://docker/v1.41${path}`, {
      unix: socket, method, signal: AbortSignal.timeout(CALL_MS),
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.text()
    if (!response.ok) throw new BerthError('provider_unavailable', `${method} ${path}: ${response.status} ${text.slice(0, 300)}`)
    return text === '' ? null : JSON.parse(text)
  }
  await call('GET', '/info').catch((cause: unknown) => {
    throw new BerthError('provider_unavailable', `no docker engine answers at ${socket}`, { hint: 'start docker, or set DOCKER_HOST=unix://…', cause })
  })
  const containerOf = async (workspaceId: string): Promise<string> => {
    const containers = (await call('GET', '/containers/json?all=1')) as { Id: string; Names: string[]; Labels: Record<string, string> }[]
    const found = containers.find((container) => JSON.stringify([container.Names, container.Labels]).includes(workspaceId))
    if (found === undefined) throw new BerthError('not_found', 'the workspace has no container')
    return found.Id
  }
  return {
    async imageOf(workspaceId) {
      const { Config, HostConfig } = (await call('GET', `/containers/${await containerOf(workspaceId)}/json`)) as { Config: { Image: string }; HostConfig: { Mounts: Mount[] | null } }
      return { reference: Config.Image, mounts: (HostConfig.Mounts ?? []).filter(({ Type, Source, Target }) => Type === 'bind' && Source === Target) }
    },
    async createAndStart(image) {
      const since = performance.now()
      const { Id } = (await call('POST', '/containers/create', { Image: image.reference, Entrypoint: ['sleep', '60'], Cmd: [], HostConfig: { Mounts: image.mounts } })) as { Id: string }
      try {
        await call('POST', `/containers/${Id}/start`)
        return performance.now() - since
      } finally {
        await call('DELETE', `/containers/${Id}?force=1&v=1`)
      }
    },
    async imageWithoutTmux() {
      const images = (await call('GET', '/images/json')) as { RepoTags: string[] | null }[]
      const base = images.flatMap(({ RepoTags }) => RepoTags ?? []).find((tag) => tag.startsWith('berth/workspace:'))
      if (base === undefined) throw new BerthError('not_found', 'the default workspace image is not made yet', { hint: 'run the benchmark docker-up first' })
      const reference = `berth-bench/no-tmux:${process.pid}`
      const { Id } = (await call('POST', '/containers/create', { Image: base, Entrypoint: ['rm', '-f', '/usr/bin/tmux'], Cmd: [], User: '0:0' })) as { Id: string }
      try {
        await call('POST', `/containers/${Id}/start`)
        await call('POST', `/containers/${Id}/wait`)
        await call('POST', `/commit?container=${Id}&repo=berth-bench/no-tmux&tag=${process.pid}`, {})
      } finally {
        await call('DELETE', `/containers/${Id}?force=1&v=1`)
      }
      return { reference, remove: async () => { await call('DELETE', `/images/${reference}`) } }
    },
    async readFile(workspaceId, path) {
      const response = await fetch(`http://docker/v1.41/containers/${await containerOf(workspaceId)}/archive?path=${encodeURIComponent(path)}`, { unix: socket, signal: AbortSignal.timeout(CALL_MS) })
      if (!response.ok) return ''
      const bytes = new Uint8Array(await response.arrayBuffer())
      const text = new TextDecoder()
      // A tar of one file: its size stands at 124 in octal, its bytes begin at 512.
      return text.decode(bytes.subarray(512, 512 + Number.parseInt(text.decode(bytes.subarray(124, 135)), 8)))
    },
    async hostAddress() {
      const network = (await call('GET', '/networks/bridge')) as { Options: Record<string, string> | null }
      const bridge = network.Options?.['com.docker.network.bridge.name'] ?? 'docker0'
      // Bun's own list leaves out a bridge that no container uses just now.
      const address = Bun.spawnSync(['ip', '-4', '-o', 'addr', 'show', bridge]).stdout.toString().match(/inet (\d+\.\d+\.\d+\.\d+)/)?.[1]
      if (address === undefined) throw new BerthError('unsupported', `this host has no address on the engine's bridge ${bridge}`, { hint: 'this benchmark needs an engine on this computer' })
      return address
    },
  }
}

function socketPath(): string {
  const host = process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock'
  if (host.startsWith('unix://')) return host.slice('unix://'.length)
  throw new BerthError('unsupported', `DOCKER_HOST is ${host}`, { hint: 'this benchmark needs an engine on this computer, behind a unix socket' })
}
