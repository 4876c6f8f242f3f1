import { expect, test } from 'bun:test'
import { Variables } from './variables.ts'

test('a variable that the product sets itself is nobody else\'s to give', () => {
  for (const name of ['HOME', 'BERTH_WORKSPACE']) expect(Variables.safeParse({ A: '1', [name]: 'x' }).error?.issues).toMatchObject([{ message: expect.stringContaining('BERTH_*') }])
  expect(Variables.safeParse({ PATH: '/x', LD_PRELOAD: '/x.so', HOMES: '' }).success).toBe(true)
})
