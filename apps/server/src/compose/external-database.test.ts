import { afterAll, beforeAll, describe, expect, it } from 'bun:test'
import { connect } from '@berth/store'
import { openTestDatabase } from '@berth/store/testing'
import type { TestDatabase } from '@berth/store/testing'
import { BerthError } from '@berth/wire'
import { requireExternalDatabase } from './external-database.ts'

const PASSWORD = 'hush-not-to-be-seen'
let database: TestDatabase
beforeAll(async () => {
  database = await openTestDatabase()
}, 30_000)
afterAll(() => database.close())

async function refusalOf(url: string): Promise<BerthError> {
  const thrown = await requireExternalDatabase(url).then(() => null, (error: unknown) => error)
  if (!(thrown instanceof BerthError)) throw new Error(`not refused in words: ${String(thrown)}`)
  expect(thrown.hint).toMatch(/\S/)
  expect(JSON.stringify(thrown.toBody())).not.toContain(PASSWORD)
  return thrown
}
function changed(change: (url: URL) => void): string {
  const url = new URL(database.url)
  change(url)
  return url.href
}

describe('a database that a person named', () => {
  it('is accepted when it answers and may be written', async () => {
    await requireExternalDatabase(database.url)
  })

  it('is refused in words when the address is none', async () => {
    for (const text of ['garbage', `mysql://u:${PASSWORD}@h/x`, `postgres//u:${PASSWORD}@h`]) expect((await refusalOf(text)).code).toBe('config_invalid')
  })

  it('is refused in words when nobody answers there', async () => {
    const error = await refusalOf(`postgres://u:${PASSWORD}@127.0.0.1:1/berth`)
    expect(error).toMatchObject({ code: 'database_unavailable', message: expect.stringContaining('berth at 127.0.0.1:1') })
    expect(await refusalOf(`postgres://u:${PASSWORD}@no-such-host.invalid/berth`)).toMatchObject({ code: 'database_unavailable', message: expect.stringContaining('no-such-host.invalid') })
  })

  it('is refused in words when it has no database of that name', async () => {
    expect(await refusalOf(changed((url) => (url.pathname = '/no_such_database')))).toMatchObject({ code: 'database_unavailable', message: expect.stringContaining('no database of that name') })
  })

  it('is refused in words when the user may not create tables', async () => {
    const sql = connect({ kind: 'url', url: database.url }, { max: 1 })
    try {
      await sql.unsafe('drop role if exists berth_reader')
      await sql.unsafe('create role berth_reader login')
      await sql.unsafe('revoke create on schema public from public')
      expect(await refusalOf(changed((url) => (url.username = 'berth_reader')))).toMatchObject({ code: 'config_invalid', message: expect.stringContaining('may not create') })
    } finally {
      await sql.unsafe('drop role if exists berth_reader')
      await sql.end()
    }
  })
})
