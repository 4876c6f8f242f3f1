import { expect, test } from 'bun:test'
import { renderToString } from 'preact-render-to-string'
import { AskContent } from './ask-content.tsx'

const drawn = (input: Record<string, unknown>) => renderToString(<AskContent ask={{ kind: 'permission', tool: 'Edit', cwd: '/workspace', input: { file_path: '/workspace/a.ts', ...input } }} />)
/** The lines of a side, each of which has the sign of its side. */
const lines = (html: string, side: 'a' | 'd') => {
  const [, of = ''] = new RegExp(`<div class="${side}"><div class="cmd"[^>]*>([^]*?</div>)</div></div>`).exec(html) ?? []
  return [...of.matchAll(/<div>([^]*?)<\/div>/g)].map(([, line]) => line)
}

test('each line that an edit adds or takes away stands by itself', () => {
  const html = drawn({ old_string: 'one\ntwo\n', new_string: 'one\n\nthree\nfour\n' })
  expect(lines(html, 'd')).toEqual(['one', 'two'])
  expect(lines(html, 'a')).toEqual(['one', ' ', 'three', 'four'])
  expect(lines(drawn({ content: 'a\nb' }), 'a')).toEqual(['a', 'b'])
})

test('a line end that is added is seen, and one that stays is not', () => {
  expect(lines(drawn({ old_string: 'x', new_string: 'x\n' }), 'a')).toEqual(['x', ' '])
  expect(lines(drawn({ old_string: '', new_string: 'x\n' }), 'a')).toEqual(['x'])
})

test('what is longer than anybody reads stays whole, and is not drawn line by line', () => {
  const html = drawn({ content: Array.from({ length: 5000 }, (_, at) => `line ${at}`).join('\n') })
  expect(lines(html, 'a').slice(0, 999)).toEqual(Array.from({ length: 999 }, (_, at) => `line ${at}`))
  expect(html).toContain('line 4999')
  expect(html.match(/<div>/g)?.length).toBeLessThanOrEqual(1000)
})
