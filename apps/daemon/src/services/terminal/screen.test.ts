import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { renderPicture, renderScreen } from './screen.ts'

const size = { cols: 20, rows: 4 }
const picture = (text: string) => renderPicture(new TextEncoder().encode(text), size)
const screen = (text: string) => renderScreen(new TextEncoder().encode(text), size)

test('a picture keeps the colours that stand on the screen, and moves nothing', () => {
  expect(picture('plain\r\n\u001b[1;31mred\u001b[0m end')).toBe('plain\n\u001b[0;1;31mred\u001b[0m end')
  expect(picture('\u001b[38;5;200mA\u001b[48;2;1;2;3mB\u001b[39mC\u001b[49mD')).toBe('\u001b[0;38;5;200mA\u001b[0;38;5;200;48;2;1;2;3mB\u001b[0;48;2;1;2;3mC\u001b[0mD')
  expect(picture('\u001b[1;3mx\u001b[22my\u001b[23mz')).toBe('\u001b[0;1;3mx\u001b[0;3my\u001b[0mz')
  // What was painted over is gone, with its colour; a wide character is one.
  expect(picture('\u001b[32mold\u001b[0m\rnew\u001b[2;1H\u001b[31m語\u001b[0mx')).toBe('new\n\u001b[0;31m語\u001b[0mx')
  expect(picture('\u001b[31mred\u001b[2J')).toBe('')
  expect(picture('\u001b[31m\u001bcplain')).toBe('plain')
})

test('the text under the colours is what the plain screen says, whatever a program writes', () => {
  const piece = fc.oneof(fc.string({ unit: 'binary', maxLength: 10 }), fc.constantFrom('\u001b[31m', '\u001b[0m', '\u001b[m', '\u001b[38;5;1m', '\u001b[48;2m', '\u001b[2J', '\u001b[3;3H', '\r', '\n', '\u001b[K', '\u001b[1;4;7m', '\u001b[P', '\u001bM'))
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
    const shown = picture(pieces.join(''))
    // eslint-disable-next-line no-control-regex -- it takes control sequences out
    const bare = shown.replaceAll(/\u001b\[[0-9;]*m/g, '')
    expect(bare).not.toContain('\u001b')
    expect(`${bare.split('\n').map((line) => line.trimEnd()).join('\n').trimEnd()}\n`).toBe(screen(pieces.join('')))
  }))
})
