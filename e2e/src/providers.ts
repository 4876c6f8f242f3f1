/** What the tests must know of the two providers that run here. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the scripted model listens so that machines of this provider can reach it. */
export function modelHost(provider: 'local' | 'docker'): string {
  if (provider === 'local') return '127.0.0.1'
  const routes = Bun.spawnSync(['ip', '-4', '-o', 'addr', 'show', 'docker0']).stdout.toString()
  const address = routes.match(/inet (\d+\.\d+\.\d+\.\d+)/)?.[1]
  if (!address) throw new Error('no docker0 bridge: is the engine running?')
  return address
}

/** The URL under which machines of either provider reach it. */
export function modelUrl(model: { url: string }): string {
  return `http://host.docker.internal:${new URL(model.url).port}`
}

/** Words of `berth up` that let the agent talk to it. */
export function modelWords(model: { url: string }): string[] {
  return ['--env', `ANTHROPIC_BASE_URL=${modelUrl(model)}`, '--env', 'ANTHROPIC_AUTH_TOKEN=placeholder-not-a-secret']
}

/** What a person would set in `<home>/providers`: the model's port is open, the image borrows this host's /usr. */
export function setUpProviders(home: string, model: { url: string }): void {
  mkdirSync(join(home, 'providers'), { recursive: true })
  writeFileSync(join(home, 'providers/local.yaml'), `hostPorts: [${new URL(model.url).port}]\n`)
  writeFileSync(join(home, 'providers/docker.yaml'), `baseImage: host-usr\nhostPorts: [${new URL(model.url).port}]\n`)
}

/** Names of every container, volume and network that mentions the workspace. */
export async function dockerInventory(workspaceId: string): Promise<string[]> {
  const ask = async (path: string) => (await fetch(`http://docker/v1.41${path}`, { unix: '/var/run/docker.sock' })).json() as Promise<unknown>
  const containers = (await ask('/containers/json?all=1')) as { Names: string[]; Labels: Record<string, string> }[]
  const volumes = ((await ask('/volumes')) as { Volumes: { Name: string; Labels: Record<string, string> | null }[] | null }).Volumes ?? []
  const networks = (await ask('/networks')) as { Name: string; Labels: Record<string, string> }[]
  const short = workspaceId.replace('ws_', '')
  return [...containers.map((container) => `container ${container.Names.join()} ${JSON.stringify(container.Labels)}`), ...volumes.map((volume) => `volume ${volume.Name} ${JSON.stringify(volume.Labels)}`), ...networks.map((network) => `network ${network.Name} ${JSON.stringify(network.Labels)}`)].filter((line) => line.includes(short))
}
