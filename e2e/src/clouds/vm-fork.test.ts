/**
 * A computer of its own where the agent may become root and has a Docker engine, and a fork of it while it runs: what was
 * installed there is in the fork, what was its workspace's alone is not.
 */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Workspace } from '@berth/wire'
import { diskImage } from '@berth/sim-machine/disk-image'
import { eventually, startProduct, type Product } from '../product.ts'
import { dirtyRepository } from '../repository.ts'
import { setUpVm } from './vm-ground.ts'

/** Each instruction is translated where KVM runs no guest. */
const BOOT_MS = 12 * 60_000
const LOOK_MS = 4 * 60_000
/** A container's files, out of what the machine has: nothing is fetched. */
const TINY = 'tar --create --dereference --absolute-names $(which busybox) $(ldd $(which busybox) | grep -o "/[^ ]*") | docker import - tiny'
const SAY = 'docker run --rm tiny $(which busybox) echo from a container'

const image = await diskImage()
let product: Product
let repository: Awaited<ReturnType<typeof dirtyRepository>>
let first: Workspace
let fork: Workspace
const inside = async (id: string, script: string): Promise<string> => (await product.cli(['run', id, '--', 'sh', '-c', script])).stdout.trim()
beforeAll(async () => {
  repository = await dirtyRepository()
  product = startProduct({}, { withinMs: BOOT_MS })
  setUpVm(product.home, image)
})
afterAll(async () => {
  await product.close()
  repository.remove()
})

test('--sudo: the agent becomes root of its own kernel, and everybody is told', async () => {
  first = await product.json<Workspace>(['up', '.', '--provider', 'vm', '--sudo', '--docker', '--agent', 'plain', '--command', 'sleep 100000', '--no-open', '-y', '--name', 'first'], { cwd: repository.dir })
  expect(first).toMatchObject({ provider: 'vm', phase: 'running' })
  expect(await inside(first.id, 'id -u; sudo id -u; sudo dmesg | grep -c "Linux version"')).toBe('1000\n0\n1')
  const said = (await product.cli(['events', first.id, '--json', '--after', '0', '--no-follow'])).stdout
  expect([said.includes('the agent may become root in its machine'), said.includes('the agent has a Docker engine in its machine')]).toEqual([true, true])
}, BOOT_MS)

test('--docker: an engine of its own makes an image and runs it', async () => {
  expect(await inside(first.id, 'docker info --format "{{.Driver}}"')).toBe('overlay2')
  await inside(first.id, TINY)
  expect(await inside(first.id, SAY)).toBe('from a container')
}, LOOK_MS)

test('a fork has what was installed in the computer while it runs, and nothing of its workspace beside the tree', async () => {
  await inside(first.id, 'printf "#!/bin/sh\\necho it is here\\n" > /tmp/tool && sudo install -m 755 /tmp/tool /usr/local/bin/tool && mkdir -p ~/.aws && echo hush > ~/.aws/credentials && echo mine > ~/note && sync')
  fork = await product.json<Workspace>(['fork', 'first', '--name', 'second'])
  expect(fork).toMatchObject({ name: 'second', provider: 'vm', phase: 'running' })
  expect(await inside(fork.id, 'tool; cat ~/note; git -C /workspace branch --show-current; ls ~/.aws 2>&1 | grep -c "No such file"')).toBe('it is here\nmine\nberth/second\n1')
  expect(await inside(fork.id, `sudo grep -rl ${first.id} /etc/berth /var/lib/berth/*.json /var/lib/cloud /var/lib/berth-disk/state/*.json 2>/dev/null; sudo grep -c ${fork.id} /etc/berth/boot.json`)).toBe('1')
  expect(await inside(fork.id, SAY)).toBe('from a container')
}, BOOT_MS)

test('neither changes the other, and the fork outlives what it was made of', async () => {
  await inside(fork.id, 'sudo rm /usr/local/bin/tool')
  expect(await inside(first.id, 'tool; hostname')).toBe(`it is here\n${first.id.replace('_', '-')}`)
  await product.cli(['delete', first.id, '-y'])
  expect(await inside(fork.id, 'hostname; git -C /workspace status --porcelain | grep -c .')).toStartWith(fork.id.replace('_', '-'))
  await product.cli(['delete', fork.id, '-y'])
  const left = (): string[] => (existsSync(join(product.home, 'vms/workspaces')) ? readdirSync(join(product.home, 'vms/workspaces')) : [])
  await eventually(async () => left().length === 0, 'nothing left of both')
}, LOOK_MS)
