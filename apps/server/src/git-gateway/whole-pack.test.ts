import { expect, test } from 'bun:test'
import { watchPack } from './whole-pack.ts'

const line = (bytes: string): string => (bytes.length + 4).toString(16).padStart(4, '0') + bytes
const GOOD = `${line('packfile\n')}${line('\u0002counting\n')}${line(`\u0001PACK${'x'.repeat(5000)}`)}${line('')}${line('\u0001rest')}0000`
function whole(text: string, size = text.length): boolean {
  const watch = watchPack()
  const bytes = Buffer.from(text, 'latin1')
  for (let at = 0; at < bytes.length; at += size) watch.pass(bytes.subarray(at, at + size))
  return watch.whole
}

test('a pack has come whole with its flush, however it was cut', () => {
  for (const size of [1, 2, 3, 5, 7, 64, 4096, GOOD.length]) expect(whole(GOOD, size)).toBe(true)
  expect(whole(`${line('shallow-info\n')}${line('shallow a\n')}0001${GOOD}`)).toBe(true)
})

test('and not before it', () => {
  for (let end = 0; end < GOOD.length; end += 1) expect(whole(GOOD.slice(0, end))).toBe(false)
})

test('nor with an error of the host, or what is no line', () => {
  for (const bad of [line('\u0003out of memory'), line('ERR upload-pack: not our ref'), '0003', 'x000', '-001']) {
    expect(whole(`${bad}0000`)).toBe(false)
    expect(whole(`${GOOD.slice(0, -4)}${bad}0000`, 3)).toBe(false)
  }
})
