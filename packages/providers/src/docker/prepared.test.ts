import { expect, test } from 'bun:test'
import type { ProviderImages } from '@berth/core'
import { createDockerProvider } from './index.ts'

const signal = new AbortController().signal
const wanted = { toolbox: { hostDir: '/nonexistent', hash: '0123456789abcdef' }, programs: [], link: { publicUrl: null, token: 'img_x' } }

test('the default image is made ahead, listed as one that always fits, and what is not Berth\'s is left alone', async () => {
  const images = createDockerProvider({ installation: 'a'.repeat(32), home: '/nonexistent', log: () => {}, baseImage: 'host-usr' }).images as ProviderImages
  const made = await images.build(wanted, { signal })
  if (!made.done) throw new Error(made.detail)
  const { name: reference, toolbox } = made.value
  expect([reference.split(':')[0], toolbox]).toEqual(['berth/host-usr', null])
  expect(await images.build(wanted, { signal })).toMatchObject({ done: true, value: { name: reference } })
  const before = (await images.list(signal)).items.map(({ name }) => name)
  expect(before).toContain(reference)
  for (const name of ['berth/host-usr:0000', 'debian:12', 'berth-sim/machine:1']) await images.remove(name, { signal })
  expect((await images.list(signal)).items.map(({ name }) => name)).toEqual(before)
})
