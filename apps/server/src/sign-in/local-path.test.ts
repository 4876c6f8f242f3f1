import { expect, test } from 'bun:test'
import { localPath } from './local-path.ts'

test('where a link leads afterwards is a path of this server', () => {
  expect(localPath('/workspaces/x?y=z#q')).toBe('/workspaces/x?y=z#q')
  expect(localPath('/a%20b')).toBe('/a%20b')
  for (const other of [null, '', 'x', '//evil.example', '/\\evil.example', '/a\r\nb', '/a b', 'https://evil.example/']) expect(localPath(other)).toBe('/')
})

test('it is bytes that mean the same in a header', () => {
  expect(localPath('/é/日')).toBe('/%C3%A9/%E6%97%A5')
  // Their low bytes are those of a line's end.
  expect(localPath('/a\u010d\u010aSet-Cookie:b=c')).toBe('/a%C4%8D%C4%8ASet-Cookie:b=c')
  expect(localPath('/\u{1f600}\ud800\u007f')).toBe('/%F0%9F%98%80%EF%BF%BD%7F')
})
