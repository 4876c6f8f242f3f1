import { expect, test } from 'bun:test'
import { packIn } from './pack-in.ts'

const line = (band: string, text: string): string => `${(text.length + band.length + 4).toString(16).padStart(4, '0')}${band}${text}`
/** As it comes: cut anywhere. */
async function packOf(text: string, pieceBytes: number): Promise<string> {
  const bytes = new TextEncoder().encode(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, at) => bytes.subarray(at * pieceBytes, (at + 1) * pieceBytes))
  const answer = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  return new Response(packIn(answer.getReader())).text()
}
const HEAD = line('', 'packfile\n')

test.each([[1], [3], [7], [1000]])('it is what stands in its lines, without what is said to people, in pieces of %i', async (pieceBytes) => {
  expect(await packOf(`${HEAD}${line('\u0002', 'counting')}${line('\u0001', 'PACK one, ')}${line('\u0001', '')}${line('\u0002', 'done')}${line('\u0001', 'and two')}0000`, pieceBytes)).toBe('PACK one, and two')
})

test.each([
  ['what is cut off', `${HEAD}${line('\u0001', 'PACK')}`], ['what the host gave up', `${HEAD}${line('\u0001', 'PACK')}${line('\u0003', 'out of memory')}0000`],
  ['no pack', `${line('', 'acknowledgments\n')}0000`], ['no lines', 'hello, world'],
])('%s is none', async (_, text) => {
  expect(await packOf(text, 1000).then(() => 'a pack', () => 'none')).toBe('none')
})
