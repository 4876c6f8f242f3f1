import { expect, it } from 'bun:test'
import { pixelsOf } from './pixels.ts'

const bytes = (...parts: (string | number[])[]) => Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? Array.from(part, (letter) => letter.charCodeAt(0)) : part)))

it('reads the size an image says it has', () => {
  expect(pixelsOf(bytes([0x89], 'PNG\r\n\u001a\n', [0, 0, 0, 13], 'IHDR', [0, 1, 0x86, 0xa0], [0, 1, 0x86, 0xa0]))).toBe(100_000 * 100_000)
  expect(pixelsOf(bytes('GIF89a', [0x10, 0, 0x20, 0]))).toBe(16 * 32)
  expect(pixelsOf(bytes('RIFF', [0, 0, 0, 0], 'WEBPVP8X', [10, 0, 0, 0, 0, 0, 0, 0], [0xff, 0x3f, 0], [0xff, 0x3f, 0]))).toBe(16_384 * 16_384)
  expect(pixelsOf(bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc2, 0, 11, 8, 0, 100, 0, 200]))).toBe(20_000)
})

it('knows nothing of what does not say it', () => {
  for (const text of ['', 'GIF89a', '<svg>', '\u0089PNG']) expect(pixelsOf(bytes(text))).toBeNull()
})
