import { expect, it } from 'bun:test'
import { mention, pick, type Mention } from './mention.ts'

it('chooses a line, then to a line, then anew', () => {
  const one = pick(null, 5, false)
  const range = pick(one, 9, false)
  expect([one, range, pick(range, 7, false), pick(range, 12, true), pick(one, 5, false), pick(one, 2, false)]).toEqual([{ from: 5, to: 5 }, { from: 5, to: 9 }, { from: 7, to: 7 }, { from: 5, to: 12 }, null, { from: 2, to: 5 }])
})

it('is heard on the window', () => {
  const heard: Mention[] = []
  const listen = (event: Event) => heard.push((event as CustomEvent<Mention>).detail)
  addEventListener('berth:mention', listen)
  mention({ path: 'a.ts', from: 1, to: 2 })
  removeEventListener('berth:mention', listen)
  expect(heard).toEqual([{ path: 'a.ts', from: 1, to: 2 }])
})
