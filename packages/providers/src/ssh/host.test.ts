/** The host and the way to it: restarts, keys, what is not there, and what only looks like ours. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Owner } from '@berth/core'
import { openSshBench, type SshBench } from '../testing/ssh-bench.ts'
import { refusalOf } from '../testing/stand-in.ts'
import { namesOf } from './names.ts'

const signal = new AbortController().signal
const installation = randomBytes(16).toString('hex')
const ownerOf = (workspaceId: string): Owner => ({ installation, workspaceId, generation: 1 })

let bench: SshBench
beforeAll(async () => { bench = await openSshBench('ssh-host') }, 120_000)
afterAll(async () => { await (bench as SshBench | undefined)?.close() })

const destroyed = async (owner: Owner): Promise<void> => {
  const provider = bench.provider(installation)
  while (!(await provider.destroy(owner, { signal })).done) await Bun.sleep(50)
}
const stopped = async (owner: Owner): Promise<void> => {
  const provider = bench.provider(installation)
  while (!(await provider.stop(owner, { signal })).done) await Bun.sleep(50)
}

test('after a restart of the host what ran runs, what was stopped is stopped, and the disks are there', async () => {
  const [running, asleep] = [ownerOf('ws_0000000000aa'), ownerOf('ws_0000000000bb')]
  for (const owner of [running, asleep]) {
    await bench.provider(installation).ensure(owner, bench.spec, { signal })
    await bench.inside(owner, ['sh', '-c', `echo ${owner.workspaceId} > /workspace/kept`])
  }
  await stopped(asleep)
  await bench.host.restart()
  const provider = bench.provider(installation)
  expect((await provider.observe(running, signal)).observed.state).toBe('running')
  expect((await provider.observe(asleep, signal)).observed.state).toBe('stopped')
  expect((await bench.inside(running, ['cat', '/workspace/kept'])).stdout).toBe(running.workspaceId)
  await provider.ensure(asleep, bench.spec, { signal })
  expect((await bench.inside(asleep, ['cat', '/workspace/kept'])).stdout).toBe(asleep.workspaceId)
  for (const owner of [running, asleep]) await destroyed(owner)
  expect(await bench.ledger()).toEqual([])
}, 120_000)

test('whoever may become root by sudo is as good as root', async () => {
  const owner = ownerOf('ws_0000000000aa')
  const provider = bench.provider(installation, { host: `admin@${bench.host.address}` })
  expect(await provider.check(signal)).toMatchObject({ ok: true, isolation: 'sandbox' })
  await provider.ensure(owner, bench.spec, { signal })
  expect((await provider.observe(owner, signal)).observed.state).toBe('running')
  await destroyed(owner)
})

test('a host that does not answer says nothing about what is on it', async () => {
  const owner = ownerOf('ws_0000000000aa')
  await bench.provider(installation).ensure(owner, bench.spec, { signal })
  const away = bench.provider(installation, { host: `root@${bench.host.address}:2` })
  for (const call of [() => away.observe(owner, signal), () => away.stop(owner, { signal }), () => away.destroy(owner, { signal }), () => away.ensure(owner, bench.spec, { signal })]) {
    expect(await refusalOf(call())).toMatchObject({ name: 'ProviderFault', category: 'transient', committed: 'no' })
  }
  expect(await away.list(installation, signal)).toMatchObject({ items: [], complete: false })
  expect(await away.leftovers(installation, signal)).toMatchObject({ items: [], complete: false })
  expect(await away.check(signal)).toMatchObject({ ok: false })
  expect((await bench.provider(installation).observe(owner, signal)).observed.state).toBe('running')
  await destroyed(owner)
}, 60_000)

test('a provider that nobody set up asks nobody', async () => {
  const provider = bench.provider(installation, { program: '/nonexistent/ssh', host: undefined as unknown as string })
  expect(await provider.check(signal)).toMatchObject({ ok: false, detail: 'not set up' })
  expect(await refusalOf(provider.ensure(ownerOf('ws_0000000000aa'), bench.spec, { signal }))).toMatchObject({ category: 'auth' })
})

test('what a host lacks is named', async () => {
  await bench.host.exec('mv /usr/sbin/nft /usr/sbin/nft.away && mv /usr/bin/git /usr/bin/git.away')
  try {
    const { ok, detail, hint } = await bench.provider(installation).check(signal)
    expect({ ok, detail }).toEqual({ ok: false, detail: 'it lacks nft, git' })
    expect(hint).toContain('apt-get install')
  } finally {
    await bench.host.exec('mv /usr/sbin/nft.away /usr/sbin/nft && mv /usr/bin/git.away /usr/bin/git')
  }
})

test('what only looks like ours is left alone: a record of another key, a link, a unit, a user', async () => {
  const owner = ownerOf('ws_0000000000cc')
  const { record, root, unit, user } = namesOf(owner)
  const lookAlikes: Readonly<Record<string, { make: string; look: string; remove: string }>> = {
    'a record of another key': { make: `mkdir -p ${root}; echo '{ "version": 1, "key": "somebody/else/1", "createdAt": 1, "user": "games" }' > ${record}`, look: `cat ${record}; id games`, remove: `rm -r /var/lib/berth` },
    'a record that is a link': { make: `mkdir -p ${root}; echo '  "key": "${installation}/ws_0000000000cc/1",' > /root/mine; ln -s /root/mine ${record}`, look: `cat /root/mine; readlink ${record}`, remove: `rm -r /var/lib/berth /root/mine` },
    'a record that is not root\'s': { make: `mkdir -p ${root}; echo '  "key": "${installation}/ws_0000000000cc/1",' > ${record}; chown games ${record}`, look: `cat ${record}`, remove: `rm -r /var/lib/berth` },
    'a unit of that name': { make: `printf '[Service]\\nExecStart=/bin/sleep 1000\\n' > /etc/systemd/system/${unit}; systemctl daemon-reload; systemctl start ${unit}`, look: `systemctl is-active ${unit}; cat /etc/systemd/system/${unit}`, remove: `systemctl stop ${unit}; rm /etc/systemd/system/${unit}; systemctl daemon-reload` },
    'a user of that name': { make: `useradd -m ${user}`, look: `id ${user}; ls -d /home/${user}`, remove: `userdel -r ${user} 2>/dev/null` },
  }
  for (const [name, { make, look, remove }] of Object.entries(lookAlikes)) {
    const provider = bench.provider(installation)
    await bench.host.exec(make)
    const before = await bench.host.exec(look)
    expect({ name, fault: await refusalOf(provider.ensure(owner, bench.spec, { signal })) }).toMatchObject({ name, fault: { category: 'conflict' } })
    await provider.stop(owner, { signal }).catch(() => {})
    await provider.destroy(owner, { signal }).catch(() => {})
    for (const leftover of (await provider.leftovers(installation, signal)).items) await provider.removeLeftover(leftover, signal).catch(() => {})
    expect({ name, now: await bench.host.exec(look) }).toEqual({ name, now: before })
    await bench.host.exec(remove)
    expect(await bench.ledger()).toEqual([])
  }
}, 60_000)

test('a host key other than the pinned one is refused, and one that was never pinned', async () => {
  const unpinned = join(bench.host.knownHostsFile, '..', 'empty')
  writeFileSync(unpinned, '')
  expect(await refusalOf(bench.provider(installation, { knownHostsFile: unpinned }).list(installation, signal).then(({ missing }) => { throw new Error(missing.join()) }))).toMatchObject({ message: `no host key of ${bench.host.address} is pinned` })
  await bench.host.changeHostKey()
  const provider = bench.provider(installation)
  expect(await refusalOf(provider.observe(ownerOf('ws_0000000000aa'), signal))).toMatchObject({ category: 'auth', committed: 'no', message: expect.stringContaining('shows another host key than the one that was pinned') })
  expect(await provider.check(signal)).toMatchObject({ ok: false, hint: expect.stringContaining('berth provider setup ssh --host') })
})
