/** Amazon EC2. */
import type { Owner } from '@berth/core'
import { createEc2Provider } from '@berth/providers/ec2'
import { IMAGES, INSTANCE_TYPES, REGION, startEc2, SUBNETS, type Ec2Sim, type Fault } from '@berth/sim-ec2'
import { endOf, isOverdue, numberOf, type Open, type Random } from './vendor.ts'

const KEYS = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret-of-the-test', sessionToken: null }
const ACTIONS = [/^RunInstances$/, /^RunInstances$/, /^Describe/, /^DescribeInstances$/, /^DescribeVolumes$/, /^(Start|Stop|Terminate)Instances$/, /^ModifyInstanceAttribute$/, /^(Attach|Delete)Volume$/, /SecurityGroups?$/, /./]

function faultOf(random: Random): Fault {
  const what = random.pick<Fault['what']>([
    { kind: 'refuse', status: 503, code: 'RequestLimitExceeded' }, { kind: 'refuse', status: 503, code: 'Unavailable' }, { kind: 'refuse', status: 500, code: 'InternalError' }, { kind: 'refuse', status: 400, code: 'IncorrectInstanceState' },
    { kind: 'after', status: 502 }, { kind: 'lost' }, { kind: 'lost' }, { kind: 'truncated' }, { kind: 'stale' }, { kind: 'repeated' },
  ])
  return { action: random.pick(ACTIONS), times: 1 + random.int(4), what }
}

export const openEc2: Open = ({ installation, clock, random, mutation = {}, lookAlike }) => {
  const transitionMs = random.pick([0, 0, 2_000, 20_000])
  const ec2 = startEc2({ now: clock.now, transitionMs, lagMs: random.pick([0, 0, 3_000, 30_000]) })
  const { world } = ec2
  const setToken = (good: boolean): void => {
    if (good) world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey })
    else world.keys.set(KEYS.accessKeyId, { secret: KEYS.secretAccessKey, expiresAt: 0 })
  }
  setToken(true)
  const strangers = addStrangers(ec2, lookAlike)
  world.settle()
  const fetch = mutation.fetch?.(ec2.fetch) ?? ec2.fetch
  const made = createEc2Provider({ installation, credentials: () => KEYS, log: () => {}, endpoint: ec2.url, region: REGION, fetch, now: clock.now, ...endOf(mutation) })
  const provider = mutation.provider?.(made) ?? made
  const whoseIs = (name: string): string => (strangers.has(name) ? 'foreign' : /-ws_([a-z0-9]+)-g/.exec(name)?.[1] ?? 'nobody')
  const ours = () => [...world.instances.values()].filter(({ tags, state }) => !strangers.has(tags['Name'] ?? '') && state === 'running')
  const hasDisk = (id: string): boolean => [...world.volumes.values()].some(({ snapshot, attached }) => snapshot === '' && attached?.instance === id)
  return {
    provider, foreign: [...strangers], keeps: ['volume', 'root'], setToken,
    running: (id) => ours().some((instance) => whoseIs(instance.tags['Name'] ?? '') === numberOf(id) && hasDisk(instance.id)),
    charged: () => world.ledger.running().map(({ kind, name, isRoot }) => ({ kind: isRoot === true ? 'root' : kind, name, whose: whoseIs(name) })),
    disks: () => world.ledger.all().filter(({ kind, name, isRoot }) => kind === 'volume' && isRoot !== true && !strangers.has(name)).map(({ name }) => name),
    foreignLeft: () => [...[...world.instances.values()].filter(({ state }) => state === 'running'), ...world.volumes.values()].map(({ tags }) => tags['Name'] ?? '').filter((name) => strangers.has(name)),
    addFault() { world.faults.push(faultOf(random)) },
    limitCapacity(to) {
      const full = to === 'some' ? random.pick(['us-east-1a', 'us-east-1b', 'c6a.large', '']) : null
      world.limitCapacity(({ type, zone }) => to === 'all' || (to === 'some' && type !== full && zone !== full))
    },
    stick: (is) => world.stick(is),
    switchOff() {
      if (ours().length > 0) world.poweredOff(random.pick(ours()).id)
    },
    leaveAlone(ms) {
      world.settle()
      for (const { id, userData } of ours()) if (isOverdue(userData, ms)) world.poweredOff(id)
      return true
    },
    calm() {
      world.faults.length = 0
      world.limitCapacity(() => true)
      world.stick(false)
      setToken(true)
    },
    requests: () => world.asked.length,
    wrong: () => [...ec2.faulty, ...ec2.refused],
    close: () => ec2.close(),
  }
}

/** Others in the same account: with a name like ours and no other tag, with tags like ours of another installation, with a part of them. */
function addStrangers({ world }: Ec2Sim, owners: readonly Owner[]): Set<string> {
  const [type, image, subnet] = [INSTANCE_TYPES[0], IMAGES[0], SUBNETS[0]]
  if (type === undefined || image === undefined || subnet === undefined) throw new Error('the catalogue is empty')
  const names = new Set<string>()
  const instance = (tags: { readonly Name: string; readonly [key: string]: string }): void => {
    names.add(tags.Name)
    world.run({ type, image, subnet, tags, volumeTags: tags, interfaceTags: tags, userData: '', clientToken: tags.Name, groups: [], onShutdown: 'stop', metadata: { tokens: 'required', hops: 1 }, publicIp: false, disks: [], asked: '' })
  }
  for (const { workspaceId, generation } of owners) {
    instance({ Name: `stranger-of-${workspaceId}` })
    instance({ Name: `other-${workspaceId}`, 'dev.berth.installation': 'f'.repeat(32), 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) })
    const tags = { Name: `disk-for-${workspaceId}`, 'dev.berth.workspace': workspaceId, 'dev.berth.generation': String(generation) }
    names.add(tags.Name)
    world.createVolume({ sizeGb: 10, zone: subnet.zone, encrypted: true, snapshot: '', tags }, { clientToken: tags.Name, asked: '' })
  }
  return names
}
