import { describe, expect, it } from 'bun:test'
import { accountsIn } from './account.ts'
import { readConfiguration } from './configuration.ts'
import { readMerged } from './merged.ts'
import { distinctPlaces } from './places.ts'
import { parseConfiguration } from './prepare.ts'

const place = { path: '.devcontainer/devcontainer.json' }
const read = (config: Record<string, unknown>) => readConfiguration({ image: 'debian:12', ...config }, place)
const unsafe = (config: Record<string, unknown>): string[] => read(config).ignored.filter((one) => one.unsafe).map(({ key }) => key)
const own = { capAdd: [], shmSizeBytes: null, appPorts: [], folder: null }
const merged = (config: Record<string, unknown>) => readMerged(config, { imageEnv: ['PATH=/bin', 'X=1=2'], own })

describe('what has not the form that its key takes', () => {
  it('is named, and does not come into the build', () => {
    const wrong = { features: [], overrideFeatureInstallOrder: 'x', containerEnv: 'A=b', remoteEnv: ['A=b'], mounts: 'x', forwardPorts: '3000', portsAttributes: [], remoteUser: 5, containerUser: [], onCreateCommand: 7, updateContentCommand: true, postCreateCommand: ['echo', 5], postStartCommand: null, postAttachCommand: { a: 'true', b: 1 } }
    const { ignored, used, build } = read(wrong)
    expect(ignored.map(({ key }) => key)).toEqual(expect.arrayContaining(Object.keys(wrong)))
    expect([used, Object.keys(build ?? {}).filter((key) => key in wrong)]).toEqual([['image'], []])
  })
  it('nor is a variable that is none passed over', () => {
    const { containerEnv, remoteEnv, ignored } = merged({ containerEnv: { A: 'a', N: 5, Z: 'a\0b' }, remoteEnv: { 'A-B': 'x', GONE: null } })
    expect([containerEnv, remoteEnv]).toEqual([{ A: 'a' }, {}])
    expect(ignored.map(({ key }) => key)).toEqual(['containerEnv.N', 'containerEnv.Z', 'remoteEnv.A-B'])
  })
})

describe('what a repository may not ask for', () => {
  it('is left out of the build and named', () => {
    expect(unsafe({ privileged: true })).toEqual(['privileged'])
    expect(unsafe({ initializeCommand: 'id' })).toEqual(['initializeCommand'])
    expect(unsafe({ capAdd: ['SYS_ADMIN', 'SYS_PTRACE', 'cap_sys_ptrace'] })).toEqual(['capAdd: SYS_ADMIN'])
    expect(unsafe({ securityOpt: ['seccomp=unconfined', 'no-new-privileges'] })).toEqual(['securityOpt: seccomp=unconfined'])
    for (const key of ['privileged', 'initializeCommand', 'capAdd', 'securityOpt', 'runArgs']) expect(read({ [key]: ['x'] }).build).not.toHaveProperty(key)
  })

  it.each([
    [['--privileged']], [['--network=host']], [['--network', 'host']], [['--pid', 'host']], [['--ipc=host']], [['--userns=host']], [['-v', '/:/host']], [['--volume=/:/host']],
    [['--mount', 'type=bind,source=/,target=/x']], [['--device=/dev/kvm']], [['--cap-add', 'ALL']], [['--cap-add=SYS_ADMIN']], [['--security-opt', 'seccomp=unconfined']], [['--env-file', '/etc/shadow']], [['--cgroup-parent=x']],
  ])('of the options of the engine: %p', (runArgs) => {
    expect(unsafe({ runArgs })).toEqual([`runArgs: ${runArgs.join(' ')}`])
  })

  it('but what stays in the machine is done', () => {
    const { shape, ignored } = read({ runArgs: ['--init', '--shm-size=256m', '--cap-add=SYS_PTRACE', '--security-opt', 'no-new-privileges'] })
    expect(ignored).toEqual([])
    expect(shape).toMatchObject({ shmSizeBytes: 256 * 1024 ** 2, capAdd: ['SYS_PTRACE'] })
    expect(read({ runArgs: ['--shm-size=500g'] }).shape.shmSizeBytes).toBeNull()
  })

  it.each([
    'source=/var/run/docker.sock,target=/var/run/docker.sock,type=bind', 'source=/,target=/host,type=bind', 'type=bind,src=${localWorkspaceFolder},dst=/code',
    'source=x,target=/var/lib/berth/x,type=volume', 'source=x,target=/var,type=volume', 'source=x,target=/,type=volume', 'source=x,target=/opt/berth,type=tmpfs', 'source=x,target=/workspace,type=volume',
    'source=x,target=/tmp/../etc,type=volume', 'source=x,target=relative,type=volume', 'type=npipe,source=x,target=/y',
  ])('of mounts: %s', (mount) => {
    expect(unsafe({ mounts: [mount] })).toEqual([`mounts: ${mount}`])
    expect(read({ mounts: [mount] }).build?.['mounts']).toEqual([])
    expect(merged({ mounts: [mount] }).mounts).toEqual([])
  })

  it('but volumes and memory are had, also in the tree of the code', () => {
    const mounts = ['source=cache,target=/home/dev/.cache,type=volume', { target: '/workspace/node_modules', type: 'volume' }, 'target=/scratch,type=tmpfs']
    expect(read({ mounts }).ignored).toEqual([])
    expect(merged({ mounts }).mounts).toEqual([{ type: 'volume', target: '/home/dev/.cache' }, { type: 'volume', target: '/workspace/node_modules' }, { type: 'tmpfs', target: '/scratch' }])
  })

  it.each([
    [{ dockerfile: '../../etc/shadow' }, 'build.dockerfile'], [{ dockerfile: '/etc/shadow' }, 'build.dockerfile'], [{ dockerfile: '${localEnv:X}' }, 'build.dockerfile'],
    [{ dockerfile: 'Dockerfile', context: '../..' }, 'build.context'], [{ dockerfile: 'Dockerfile', options: ['--network=host'] }, 'build.options'],
  ])('of a build: %p', (build, key) => {
    expect(readConfiguration({ build }, place).ignored).toMatchObject([{ key, unsafe: true }])
  })

  it('of features, which the host would fetch', () => {
    const features = { './ok': {}, 'ghcr.io/devcontainers/features/node:1': {}, '../out': {}, '../../out': {}, 'https://somewhere.example/f.tgz': {}, 'localhost:5000/x/y': {}, '127.0.0.1/x/y': {}, '/etc': {} }
    expect(unsafe({ features })).toEqual(['features.../out', 'features.../../out', 'features.https://somewhere.example/f.tgz', 'features.localhost:5000/x/y', 'features.127.0.0.1/x/y', 'features./etc'])
    expect(Object.keys(read({ features }).build?.['features'] as object)).toEqual(['./ok', 'ghcr.io/devcontainers/features/node:1'])
  })

  it('is also left out where an image or a feature asks for it', () => {
    const { ignored } = merged({ privileged: true, entrypoints: ['/x'], capAdd: ['ALL'], securityOpt: ['seccomp=unconfined'], remoteEnv: { LD_PRELOAD: '/x', BERTH_OWNER: 'me' } })
    expect(ignored.map(({ key }) => key.split(' ')[0])).toEqual(['remoteEnv.LD_PRELOAD', 'remoteEnv.BERTH_OWNER', 'privileged', 'entrypoints', 'capAdd', 'securityOpt'])
  })
})

describe('what a devcontainer is made from', () => {
  it('is read with its Dockerfile, arguments and surroundings', () => {
    const { build, reads, used } = readConfiguration({ build: { dockerfile: 'Dockerfile', context: '..', args: { A: '1', B: 2 }, target: 'dev' } }, place)
    expect(build).toMatchObject({ build: { dockerfile: 'Dockerfile', context: '..', args: { A: '1' }, target: 'dev' } })
    expect(reads).toEqual([''])
    expect([...used].sort()).toEqual(['build', 'build.args', 'build.context', 'build.dockerfile', 'build.target'])
    expect(readConfiguration({ build: { dockerfile: 'Dockerfile' } }, place).reads).toEqual(['.devcontainer'])
    expect(readConfiguration({ dockerFile: '../docker/Dockerfile', context: '..' }, place).build).toMatchObject({ build: { dockerfile: '../docker/Dockerfile', context: '..' } })
  })

  it('is nothing without an image or a Dockerfile', () => {
    expect(readConfiguration({ dockerComposeFile: 'compose.yml', service: 'app' }, place)).toMatchObject({ build: null, ignored: [{ key: 'dockerComposeFile' }, { key: 'service' }] })
    expect(readConfiguration({ image: '-v/:/host' }, place).build).toBeNull()
  })

  it('may have comments and trailing commas, and is an object', () => {
    expect(parseConfiguration('{ // a\n "image": "x", /* b */ }')).toEqual({ image: 'x' })
    for (const bad of ['[]', '"x"', '{', '']) expect(() => parseConfiguration(bad)).toThrow()
  })

  it('knows its code by another name', () => {
    expect(read({ workspaceFolder: '/workspaces/app' }).shape.folder).toBe('/workspaces/app')
    expect(read({ workspaceFolder: '/workspaces/../etc' }).shape.folder).toBeNull()
    expect(read({ workspaceFolder: '/srv' }).ignored).toMatchObject([{ key: 'workspaceFolder' }])
  })
})

describe('the machine that an image asks for', () => {
  it('has its hooks in their order, its variables and its ports', () => {
    const shape = merged({
      onCreateCommands: ['a', ['b', 'c']], updateContentCommands: [], postCreateCommands: [{ x: 'd', y: ['e'] }, 7, ''], postStartCommands: ['f'], postAttachCommands: ['g'],
      remoteUser: 'node', remoteEnv: { P: '${containerEnv:PATH}:/x', Q: '${containerEnv:X}', R: '${containerEnv:NONE:other}', S: null, 'BAD NAME': 'x' },
      forwardPorts: [3000, '127.0.0.1:4000', 'db:5432', 70000], portsAttributes: { 3000: { label: 'web' }, 9000: { label: 'metrics' }, '40-50': { label: 'range' } },
    })
    expect(shape.hooks).toEqual({
      create: [{ name: 'onCreateCommand', command: 'a' }, { name: 'onCreateCommand', command: ['b', 'c'] }, { name: 'postCreateCommand', command: { x: 'd', y: ['e'] } }],
      start: [{ name: 'postStartCommand', command: 'f' }, { name: 'postAttachCommand', command: 'g' }],
    })
    expect(shape.remoteEnv).toEqual({ P: '/bin:/x', Q: '1=2', R: 'other' })
    expect(shape.ports).toEqual([{ port: 3000, label: 'web', primary: true }, { port: 4000, label: null, primary: false }, { port: 9000, label: 'metrics', primary: false }])
    expect(shape.ignored.map(({ key }) => key)).toEqual(['remoteEnv.BAD NAME', 'forwardPorts: db:5432', 'forwardPorts: 70000'])
    expect(shape.remoteUser).toBe('node')
  })

  it('has one mount at a place, and its home only once', () => {
    const { mounts } = merged({ mounts: ['target=/cache,type=volume', 'target=/cache/,type=tmpfs', 'target=//cache/./x,type=volume', 'source=h,target=/home/node/,type=volume', 'target=/home/node/.cache'] })
    const { mounts: kept, ignored } = distinctPlaces(mounts, '/home/node')
    expect(kept.map(({ target }) => target)).toEqual(['/cache', '/cache/x', '/home/node/.cache'])
    expect(ignored).toMatchObject([{ key: 'mounts: /cache', unsafe: false }, { key: 'mounts: /home/node', unsafe: false }])
  })

  it('has nothing over what is the machine\'s, however it is written', () => {
    for (const target of ['//etc', '/./etc', '/var/lib//berth/x', '/var/./lib/berth', '/workspace/.', '//', '/opt//berth/bin']) expect(merged({ mounts: [`target=${target}`] })).toMatchObject({ mounts: [], ignored: [{ unsafe: true }] })
  })

  it('has the users of its image', () => {
    expect(accountsIn('root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1000::/home/node:/bin/bash\nbroken\n:x:1:1::/:\n')).toEqual([
      { name: 'root', uid: 0, gid: 0, home: '/root' }, { name: 'node', uid: 1000, gid: 1000, home: '/home/node' },
    ])
  })
})
