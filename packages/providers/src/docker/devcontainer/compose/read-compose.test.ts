import { describe, expect, it } from 'bun:test'
import { composeFilesOf, readCompose } from './read-compose.ts'

const own = '.devcontainer'
const app = { image: 'debian:12' }
const read = (services: Record<string, unknown>, config: Record<string, unknown> = {}, volumes: Record<string, unknown> = {}) =>
  readCompose({ dockerComposeFile: 'compose.yml', service: 'app', ...config }, { model: { services, volumes }, own })
const unsafe = (service: Record<string, unknown>, volumes: Record<string, unknown> = {}): string[] => read({ app, other: { ...app, ...service } }, {}, volumes).ignored.filter((one) => one.unsafe).map(({ key }) => key)
const order = (services: Record<string, unknown>, config: Record<string, unknown> = {}): string[] => read(services, config).services.map(({ name }) => name)

describe('which files compose is asked about', () => {
  it('are those of the project', () => {
    expect(composeFilesOf({ dockerComposeFile: ['a.yml', '../b.yml'] }, own)).toEqual(['.devcontainer/a.yml', 'b.yml'])
    for (const dockerComposeFile of ['../../x.yml', '/etc/passwd', [], 7]) expect(composeFilesOf({ dockerComposeFile }, own)).toBeNull()
  })
})

describe('the service that people work in', () => {
  it('becomes a devcontainer of its image or its Dockerfile, with what else it says', () => {
    const { config } = read({ app: { image: 'debian:12', environment: { A: '1', B: '2' }, user: 'node', ports: [{ target: 3000 }], volumes: [{ type: 'volume', source: 'cache', target: '/cache' }] } }, { containerEnv: { B: '3' }, features: { './x': {} } })
    expect(config).toEqual({ image: 'debian:12', containerEnv: { A: '1', B: '3' }, containerUser: 'node', appPort: [3000], mounts: ['source=cache,target=/cache,type=volume'], features: { './x': {} } })
    expect(read({ app: { build: { context: '/srv/code/workspace', dockerfile: '.devcontainer/Dockerfile', args: { X: 1 } } } }).config['build']).toEqual({ context: '..', dockerfile: 'Dockerfile', args: { X: '1' } })
  })

  it('has its code where a machine has it, however the file binds it', () => {
    const { ignored, services } = read({ app: { ...app, volumes: [{ type: 'bind', source: '/srv/code', target: '/workspaces' }, { type: 'bind', source: '/srv/code/workspace', target: '/app' }] } })
    expect([ignored, services]).toEqual([[], []])
  })

  it('must be there', () => {
    expect(() => read({ web: app })).toThrow('its service app is not in the compose file')
    expect(() => read({ app: { build: { context: '/' } }, web: { build: { context: '/etc' } } })).toThrow('services.web')
  })
})

describe('the others', () => {
  it('start after what they need; a profile holds one back unless it is needed or named', () => {
    const services = { app, web: { ...app, depends_on: { db: {} } }, db: app, tools: { ...app, profiles: ['x'] } }
    expect(order(services)).toEqual(['db', 'web'])
    expect(order(services, { runServices: ['tools'] })).toEqual(['tools'])
    expect(order({ ...services, app: { ...app, depends_on: { tools: {} } } }, { runServices: [] })).toEqual(['tools'])
    // A circle is compose's to refuse; here it ends.
    expect(order({ app, a: { ...app, depends_on: { b: {} } }, b: { ...app, depends_on: { a: {} } } })).toEqual(['b', 'a'])
  })

  it('share the network of the machine, whichever way it is said', () => {
    for (const services of [{ app: { ...app, network_mode: 'service:db' }, db: app }, { app, db: { ...app, network_mode: 'service:app' } }]) expect(read(services).services).toMatchObject([{ name: 'db', shape: { networkOf: 'app' } }])
    expect(read({ app, db: { ...app, network_mode: 'service:cache' }, cache: app }).services.map(({ shape }) => shape.networkOf)).toEqual([null, null])
  })

  it('get copies of the project, volumes, memory, health and names', () => {
    const db = { ...app, mem_limit: '1048576', healthcheck: { test: ['CMD', 'x'], interval: '1m30s', timeout: '500ms', retries: 3 }, networks: { n: { aliases: ['database', 'not a name'] } }, volumes: [{ type: 'bind', source: '/srv/code/workspace/init.sql', target: '/init.sql' }, { type: 'volume', target: '/anonymous' }] }
    expect(read({ app, db }).services).toMatchObject([{ files: [{ from: 'init.sql', to: '/init.sql' }], shape: { memoryBytes: 1048576, aliases: ['db', 'database'], volumes: [{ name: null, target: '/anonymous' }], healthcheck: { Test: ['CMD', 'x'], Interval: 90e9, Timeout: 5e8, Retries: 3 } } }])
  })

  it.each([
    [{ privileged: true }, 'privileged'], [{ pid: 'host' }, 'pid'], [{ ipc: 'host' }, 'ipc'], [{ devices: ['/dev/kvm'] }, 'devices'], [{ userns_mode: 'host' }, 'userns_mode'], [{ cgroup_parent: '/' }, 'cgroup_parent'], [{ sysctls: { x: 1 } }, 'sysctls'],
    [{ volumes_from: ['container:x'] }, 'volumes_from'], [{ runtime: 'x' }, 'runtime'], [{ network_mode: 'host' }, 'network_mode: host'], [{ network_mode: 'container:x' }, 'network_mode: container:x'], [{ cap_add: ['ALL'] }, 'cap_add: ALL'],
    [{ security_opt: ['seccomp=unconfined'] }, 'security_opt: seccomp=unconfined'], [{ build: { context: '/srv/code/workspace', network: 'host' } }, 'build.network'], [{ build: { context: '/srv/code/workspace', dockerfile: '../../x' } }, 'build.dockerfile'],
    [{ volumes: [{ type: 'bind', source: '/etc', target: '/x' }] }, 'volumes: /etc:/x'], [{ volumes: [{ type: 'bind', source: '/srv/code/other', target: '/x' }] }, 'volumes: /srv/code/other:/x'],
    [{ volumes: [{ type: 'bind', source: '/var/run/docker.sock', target: '/s' }] }, 'volumes: /var/run/docker.sock:/s'], [{ volumes: [{ type: 'npipe', source: 'x', target: '/x' }] }, 'volumes: x:/x'],
    [{ volumes: [{ type: 'bind', source: '/srv/code/workspace/x', target: '/a/../etc' }] }, 'volumes: /srv/code/workspace/x:/a/../etc'],
  ])('may not reach the host: %p', (service, key) => {
    expect(unsafe(service)).toEqual([`services.other.${key}`])
  })

  it('may not have volumes that are something else', () => {
    const volumes = [{ type: 'volume', source: 'disk', target: '/x' }]
    for (const declared of [{ driver_opts: { device: '/' } }, { external: true }, { driver: 'nfs' }]) expect(unsafe({ volumes }, { disk: declared })).toEqual(['services.other.volumes: disk:/x'])
    expect(unsafe({ volumes }, { disk: { name: 'berth_disk' } })).toEqual([])
  })
})
