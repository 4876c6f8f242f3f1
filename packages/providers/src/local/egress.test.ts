import { describe, expect, it } from 'bun:test'
import { isPublic, judge, parseHead } from './egress.ts'

const open = { allow: [], hostPorts: [4010] }

describe('egress', () => {
  it.each(['127.0.0.1', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1', '0.0.0.0', '224.0.0.1', '255.255.255.255', '198.18.0.1',
    '::1', '::', 'fe80::1', 'fd00::1', 'fc00::1', 'ff02::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '2001:db8::1', '2001::1', 'fd00:ec2::254'])('does not call %s public', (address) => {
    expect(isPublic(address)).toBe(false)
  })
  it.each(['1.1.1.1', '172.15.0.1', '172.32.0.1', '100.63.0.1', '100.128.0.1', '192.0.1.1', '2606:4700::1111', '::ffff:1.1.1.1', '64:ff9b::101:101'])('calls %s public', (address) => {
    expect(isPublic(address)).toBe(true)
  })
  it('refuses names and numbers that lead to private addresses, and opens what was allowed', async () => {
    expect(await judge(open, { host: 'localhost', port: 80 })).toHaveProperty('refuse')
    expect(await judge(open, { host: '127.0.0.1', port: 4010 })).toHaveProperty('refuse')
    expect(await judge(open, { host: 'host.docker.internal', port: 4010 })).toEqual({ dial: ['127.0.0.1', '::1'] })
    expect(await judge(open, { host: 'host.docker.internal', port: 4011 })).toHaveProperty('refuse')
    expect(await judge({ allow: ['10.0.0.7:443'], hostPorts: [] }, { host: '10.0.0.7', port: 443 })).toEqual({ dial: ['10.0.0.7'] })
    expect(await judge({ allow: ['10.0.0.7:443'], hostPorts: [] }, { host: '10.0.0.7', port: 80 })).toHaveProperty('refuse')
    expect(await judge(open, { host: '1.1.1.1', port: 443 })).toEqual({ dial: ['1.1.1.1'] })
  })
  it('understands CONNECT and absolute urls, and nothing else', () => {
    expect(parseHead('CONNECT Example.com:443 HTTP/1.1\r\nHost: x')).toEqual({ target: { host: 'example.com', port: 443 }, tunnel: true, head: '' })
    expect(parseHead('CONNECT [::1]:443 HTTP/1.1')).toMatchObject({ target: { host: '::1', port: 443 } })
    expect(parseHead('GET http://user:pw@example.com/a?b HTTP/1.1\r\nHost: example.com\r\nProxy-Authorization: x\r\nConnection: keep-alive')).toEqual({
      target: { host: 'example.com', port: 80 }, tunnel: false, head: 'GET /a?b HTTP/1.1\r\nHost: example.com\r\nConnection: close\r\n\r\n',
    })
    for (const head of ['GET / HTTP/1.1', 'CONNECT example.com HTTP/1.1', 'CONNECT example.com:99999 HTTP/1.1', 'CONNECT a b:1 HTTP/1.1', '', 'GET https://example.com/ HTTP/1.1', '\0\0\0']) expect(parseHead(head)).toBeNull()
  })
})
