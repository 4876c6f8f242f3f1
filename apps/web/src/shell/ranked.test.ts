import { expect, it } from 'bun:test'
import { ranked } from './ranked.ts'

const entry = (group: string, label: string, detail = '') => ({ group, label, detail })
const ALL = [entry('Anywhere', 'New workspace'), entry('Anywhere', 'Settings'), entry('Go to', 'needs-a-demo', 'needs you'), entry('Go to', 'first', 'idle · rem'), entry('Go to', 'demo', 'idle')]
const labels = (query: string) => ranked(ALL, query).map(({ label }) => label)

it('puts what is named so before what merely has the letters', () => {
  expect(labels('dem')).toEqual(['demo', 'needs-a-demo', 'first'])
  expect(labels('se')).toEqual(['Settings', 'New workspace', 'needs-a-demo', 'first'])
})
it('keeps the order and the groups where nothing is asked, and gives nothing for nonsense', () => {
  expect(labels('')).toEqual(ALL.map(({ label }) => label))
  expect(labels('xyzzy')).toEqual([])
  expect(ranked([...ALL, entry('Files', 'src/app.ts')], 'unheard').map(({ label }) => label)).toEqual(['src/app.ts'])
})
