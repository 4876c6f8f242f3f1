import { expect, it } from 'bun:test'
import { pixelsOf } from './pixels.ts'

const bytes = (...parts: (string | number[])[]) => Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? Array.from(part, (letter) => letter.charCodeAt(0)) : part)))

it('reads the size an image says it has', () => {
  expect(pixelsOf(bytes([0x89], 'PNG\r\n\u001a\n', [0, 0, 0, 13], 'IHDR', [0, 1, 0x86, 0xa0], [0, 1, 0x86, 0xa0]))).toBe(100_000 * 100_000)
  expect(pixelsOf(bytes('GIF89a', [0x10, 0, 0x20, 0, 0x80, 0, 0], [0, 0, 0, 0, 0, 0], [0x2c, 0, 0, 0, 0, 4, 0, 4, 0, 0]))).toBe(16 * 32)
  expect(pixelsOf(bytes('RIFF', [0, 0, 0, 0], 'WEBPVP8X', [10, 0, 0, 0, 0, 0, 0, 0], [0xff, 0x3f, 0], [0xff, 0x3f, 0]))).toBe(16_384 * 16_384)
  expect(pixelsOf(bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc2, 0, 11, 8, 0, 100, 0, 200]))).toBe(20_000)
})

it('reads the size a browser would take, and not the one that is put before it', () => {
  // A picture larger than its screen, behind extensions.
  expect(pixelsOf(bytes('GIF89a', [1, 0, 1, 0, 0, 0, 0], [0x21, 0xf9, 4, 0, 0, 0, 0, 0], [0x21, 0xfe, 2, 1, 2, 1, 3, 0], [0x2c, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0]))).toBe(65_535 * 65_535)
  // A mark without a length: were the next two bytes one, the frame would be passed over.
  expect(pixelsOf(bytes([0xff, 0xd8, 0xff, 0x01, 0xff, 0xc0, 0, 11, 8, 0xff, 0xff, 0xff, 0xff]))).toBe(65_535 * 65_535)
})

it('knows nothing of what does not say it', () => {
  for (const text of ['', 'GIF89a', '<svg>', '\u0089PNG']) expect(pixelsOf(bytes(text))).toBeNull()
})
