/** The simulator, driven by the vendor's own client. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { AttachVolumeCommand, CreateSecurityGroupCommand, CreateTagsCommand, CreateVolumeCommand, DeleteSecurityGroupCommand, DeleteVolumeCommand, DescribeImagesCommand, DescribeInstancesCommand, DescribeInstanceTypesCommand, DescribeSubnetsCommand, DescribeVolumesCommand, DetachVolumeCommand, EC2Client, paginateDescribeInstances, RunInstancesCommand, StartInstancesCommand, StopInstancesCommand, TerminateInstancesCommand, waitUntilInstanceRunning, waitUntilInstanceStopped, waitUntilInstanceTerminated, type RunInstancesCommandInput } from '@aws-sdk/client-ec2'
import { startEc2, type Ec2Sim } from './index.ts'

const KEY = { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret/of+the=test' }
const WAIT = { minDelay: 0.01, maxDelay: 0.02, maxWaitTime: 5 }
let ec2: Ec2Sim
let client: EC2Client

const clientWith = (credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }) => new EC2Client({ region: 'us-east-1', endpoint: ec2.url, credentials, maxAttempts: 1 })
beforeEach(() => {
  ec2 = startEc2()
  ec2.world.keys.set(KEY.accessKeyId, { secret: KEY.secretAccessKey })
  client = clientWith(KEY)
})
afterEach(async () => {
  const { faulty } = ec2
  client.destroy()
  await ec2.close()
  expect(faulty).toEqual([])
})

const instance = (more: Partial<RunInstancesCommandInput> = {}): RunInstancesCommandInput => ({ ImageId: 'ami-00000000000000002', InstanceType: 't3.medium', MinCount: 1, MaxCount: 1, ...more })
const run = async (more: Partial<RunInstancesCommandInput> = {}): Promise<string> => (await client.send(new RunInstancesCommand(instance(more)))).Instances?.[0]?.InstanceId ?? ''
const refusal = (call: Promise<unknown>): Promise<string> => call.then(() => 'nothing', (error: unknown) => (error as Error).name)
const stateOf = async (id: string) => (await client.send(new DescribeInstancesCommand({ InstanceIds: [id] }))).Reservations?.[0]?.Instances?.[0]?.State?.Name

test('the vendor\'s client buys, lists, stops, starts and gives back an instance', async () => {
  const group = await client.send(new CreateSecurityGroupCommand({ GroupName: 'one', Description: 'nothing comes in', TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: 'a', Value: 'b' }] }] }))
  const id = await run({
    SecurityGroupIds: [group.GroupId ?? ''], UserData: Buffer.from('#cloud-config\n{}\n').toString('base64'), MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 }, InstanceInitiatedShutdownBehavior: 'terminate',
    BlockDeviceMappings: [{ DeviceName: '/dev/xvda', Ebs: { Encrypted: true, VolumeSize: 10, VolumeType: 'gp3' } }, { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 20, Encrypted: true, DeleteOnTermination: false } }],
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'team', Value: 'a & b' }] }, { ResourceType: 'volume', Tags: [{ Key: 'team', Value: 'a & b' }] }],
  })
  await waitUntilInstanceRunning({ client, ...WAIT }, { InstanceIds: [id] })
  const byTag = await client.send(new DescribeInstancesCommand({ Filters: [{ Name: 'tag:team', Values: ['a*'] }, { Name: 'instance-state-name', Values: ['running'] }] }))
  expect(byTag.Reservations?.[0]?.Instances?.[0]).toMatchObject({ InstanceId: id, InstanceType: 't3.medium', Tags: [{ Key: 'team', Value: 'a & b' }], MetadataOptions: { HttpTokens: 'required', HttpPutResponseHopLimit: 1 } })
  expect(byTag.Reservations?.[0]?.Instances?.[0]?.LaunchTime).toBeInstanceOf(Date)
  expect((await client.send(new DescribeInstancesCommand({ Filters: [{ Name: 'tag:team', Values: ['other'] }] }))).Reservations ?? []).toEqual([])
  expect(await refusal(client.send(new DeleteSecurityGroupCommand({ GroupId: group.GroupId })))).toBe('DependencyViolation')
  await client.send(new StopInstancesCommand({ InstanceIds: [id] }))
  await waitUntilInstanceStopped({ client, ...WAIT }, { InstanceIds: [id] })
  expect(ec2.world.ledger.running().map(({ kind }) => kind)).toEqual(['volume', 'volume'])
  await client.send(new StartInstancesCommand({ InstanceIds: [id] }))
  await waitUntilInstanceRunning({ client, ...WAIT }, { InstanceIds: [id] })
  await client.send(new CreateTagsCommand({ Resources: [id], Tags: [{ Key: 'more', Value: '' }] }))
  await client.send(new TerminateInstancesCommand({ InstanceIds: [id] }))
  await waitUntilInstanceTerminated({ client, ...WAIT }, { InstanceIds: [id] })
  const left = (await client.send(new DescribeVolumesCommand({}))).Volumes ?? []
  expect(left).toMatchObject([{ Size: 20, State: 'available', Encrypted: true, SnapshotId: '' }])
  await client.send(new DeleteVolumeCommand({ VolumeId: left[0]?.VolumeId }))
  await client.send(new DeleteSecurityGroupCommand({ GroupId: group.GroupId }))
  expect(ec2.world.ledger.running()).toEqual([])
  // It is listed for about an hour.
  expect(await stateOf(id)).toBe('terminated')
  ec2.world.advance(61 * 60_000)
  client.destroy()
  expect(await refusal(new EC2Client({ region: 'us-east-1', endpoint: ec2.url, credentials: KEY, systemClockOffset: 61 * 60_000 }).send(new DescribeInstancesCommand({ InstanceIds: [id] })))).toBe('InvalidInstanceID.NotFound')
})

test('a token buys once: the same wish again is the same instance, another one is refused', async () => {
  const id = await run({ ClientToken: 'token' })
  expect(await run({ ClientToken: 'token' })).toBe(id)
  expect(await refusal(run({ ClientToken: 'token', InstanceType: 't3.large' }))).toBe('IdempotentParameterMismatch')
  expect(ec2.world.instances.size).toBe(1)
})

test('disks are made, attached, taken off and deleted, in their own zone', async () => {
  const id = await run({ SubnetId: 'subnet-00000000000000002' })
  const make = async (zone: string) => (await client.send(new CreateVolumeCommand({ AvailabilityZone: zone, Size: 20, Encrypted: true, VolumeType: 'gp3', TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'a', Value: 'b' }] }] }))).VolumeId ?? ''
  const [near, far] = [await make('us-east-1b'), await make('us-east-1a')]
  expect(await refusal(client.send(new AttachVolumeCommand({ VolumeId: far, InstanceId: id, Device: '/dev/sdf' })))).toBe('InvalidVolume.ZoneMismatch')
  await client.send(new AttachVolumeCommand({ VolumeId: near, InstanceId: id, Device: '/dev/sdf' }))
  expect(await refusal(client.send(new DeleteVolumeCommand({ VolumeId: near })))).toBe('VolumeInUse')
  await client.send(new DetachVolumeCommand({ VolumeId: near }))
  await client.send(new DeleteVolumeCommand({ VolumeId: near }))
  expect((await client.send(new DescribeVolumesCommand({ Filters: [{ Name: 'tag:a', Values: ['b'] }] }))).Volumes?.map(({ VolumeId }) => VolumeId)).toEqual([far])
})

test('what is there is told: sizes, images of an owner, subnets', async () => {
  expect((await client.send(new DescribeInstanceTypesCommand({ InstanceTypes: ['t3.medium'] }))).InstanceTypes).toMatchObject([{ InstanceType: 't3.medium', VCpuInfo: { DefaultVCpus: 2 }, MemoryInfo: { SizeInMiB: 4096 } }])
  expect((await client.send(new DescribeImagesCommand({ Owners: ['136693071363'], Filters: [{ Name: 'name', Values: ['debian-12-amd64-*'] }] }))).Images).toHaveLength(2)
  expect((await client.send(new DescribeSubnetsCommand({ Filters: [{ Name: 'default-for-az', Values: ['true'] }] }))).Subnets).toHaveLength(3)
})

test('lists come in pages, a copy lags, and faults are as scripted', async () => {
  for (let n = 0; n < 12; n += 1) await run()
  const pages: number[] = []
  for await (const page of paginateDescribeInstances({ client, pageSize: 5 }, {})) pages.push(page.Reservations?.length ?? 0)
  expect(pages).toEqual([5, 5, 2])
  ec2.world.setLag(60_000)
  const young = await run()
  expect(await refusal(client.send(new DescribeInstancesCommand({ InstanceIds: [young] })))).toBe('InvalidInstanceID.NotFound')
  ec2.world.setLag(0)
  ec2.world.faults.push({ action: /^RunInstances$/, times: 1, what: { kind: 'lost' } }, { action: /^Describe/, times: 1, what: { kind: 'refuse', status: 503, code: 'RequestLimitExceeded' } })
  await expect(run({ ClientToken: 'lost' })).rejects.toThrow()
  expect([...ec2.world.instances.values()].some(({ clientToken }) => clientToken === 'lost')).toBe(true)
  expect(await refusal(client.send(new DescribeInstancesCommand({})))).toBe('RequestLimitExceeded')
  ec2.world.limitCapacity(({ zone }) => zone !== 'us-east-1a')
  expect(await refusal(run())).toBe('InsufficientInstanceCapacity')
  expect(await run({ SubnetId: 'subnet-00000000000000002' })).toStartWith('i-')
})

test('what the vendor does not describe is refused, and who does not sign', async () => {
  for (const wrong of [{ 'InstanceTypes.1': 't3.medium' }, { Wrong: 'x' }, { 'MetadataOptions.HttpToken': 'required' }, { 'BlockDeviceMapping.2.DeviceName': '/dev/sdf' }]) {
    client.middlewareStack.add((next) => (args) => {
      const { request } = args as { request: { body: string } }
      request.body += `&${new URLSearchParams(wrong)}`
      return next(args)
    }, { step: 'build', priority: 'high', name: 'wrong', override: true })
    expect(await refusal(run())).toBe('UnknownParameter')
  }
  client.middlewareStack.remove('wrong')
  expect(ec2.refused).toHaveLength(4)
  expect(await refusal(run({ UserData: Buffer.alloc(16 * 1024 + 1).toString('base64') }))).toStartWith('Invalid')
  expect(await refusal(clientWith({ ...KEY, secretAccessKey: 'another' }).send(new DescribeInstancesCommand({})))).toBe('SignatureDoesNotMatch')
  expect(await refusal(clientWith({ ...KEY, accessKeyId: 'nobody' }).send(new DescribeInstancesCommand({})))).toBe('AuthFailure')
  expect((await fetch(ec2.url, { method: 'POST', body: 'Action=DescribeInstances&Version=2016-11-15' })).status).toBe(403)
  ec2.world.keys.set('ASIAEXAMPLE', { secret: 's', sessionToken: 'st', expiresAt: 1 })
  expect(await refusal(clientWith({ accessKeyId: 'ASIAEXAMPLE', secretAccessKey: 's', sessionToken: 'st' }).send(new DescribeInstancesCommand({})))).toBe('RequestExpired')
  ec2.world.keys.set(KEY.accessKeyId, { secret: KEY.secretAccessKey, denied: /^RunInstances$/ })
  expect(await refusal(run())).toBe('UnauthorizedOperation')
  expect(await refusal(client.send(new DescribeInstancesCommand({ DryRun: true })))).toBe('DryRunOperation')
  expect(ec2.world.instances.size).toBe(0)
})

test('the bill: seconds while it runs, a minute at least, its address with it, its disk always', async () => {
  const id = await run()
  ec2.world.advance(10_000)
  const early = new EC2Client({ region: 'us-east-1', endpoint: ec2.url, credentials: KEY, systemClockOffset: 10_000 })
  await early.send(new StopInstancesCommand({ InstanceIds: [id] }))
  const minute = 0.0416 / 60
  expect(ec2.world.ledger.total()).toBeGreaterThanOrEqual(minute)
  expect(ec2.world.ledger.total()).toBeLessThan(minute + 0.001)
  ec2.world.advance(730 * 3_600_000)
  expect(ec2.world.ledger.total()).toBeCloseTo(minute + 8 * 0.08, 3)
})

test('an instance that switches itself off ends as it was bought to', async () => {
  const [gone, kept] = [await run({ InstanceInitiatedShutdownBehavior: 'terminate' }), await run()]
  await stateOf(gone)
  for (const id of [gone, kept]) ec2.world.poweredOff(id)
  expect([await stateOf(gone), await stateOf(kept)]).toEqual(['terminated', 'stopped'])
})
