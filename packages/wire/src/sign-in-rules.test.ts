import { expect, it } from 'bun:test'
import { readSignIn, signInEnds, signInEndsIn } from './sign-in-rules.ts'

const CLAUDE = `Opening browser to sign in…
If the browser didn't open, visit: https://claude.example/cai/oauth/authorize?code=true&client_id=9d1c&state=fbQ
Paste code here if prompted > `
const CODEX = `Welcome to Codex
Follow these steps to sign in with ChatGPT using device code authorization:

1. Open this link in your browser and sign in to your account
   https://auth.example.com/codex/device

2. Enter this one-time code (expires in 15 minutes)
   4X7K-90PQR

Device codes are a common phishing target. Never share this code.
`

it('finds the way in, the code to type there, and whether something is to be brought back', () => {
  expect(readSignIn(CLAUDE)).toEqual({ url: 'https://claude.example/cai/oauth/authorize?code=true&client_id=9d1c&state=fbQ', code: null, wantsAnswer: true })
  expect(readSignIn(CODEX)).toEqual({ url: 'https://auth.example.com/codex/device', code: '4X7K-90PQR', wantsAnswer: false })
})

it('takes nothing for a way in that is none', () => {
  expect(readSignIn('see https://docs.example.com/help and http://auth.example.com/plain, version 2.1.329-beta1')).toEqual({ url: null, code: null, wantsAnswer: false })
  expect(readSignIn('')).toEqual({ url: null, code: null, wantsAnswer: false })
  expect(readSignIn('javascript:alert(1) https://x.example/login\u001b]8;;')).toMatchObject({ url: 'https://x.example/login' })
})

it('tells of the end before it comes', () => {
  const [now, hour] = [1_900_000_000_000, 3600_000]
  expect([null, 73, 72, 1, 0, -5].map((hours) => signInEnds(hours === null ? null : now + hours * hour, now))).toEqual(['later', 'later', 'soon', 'soon', 'ended', 'ended'])
  expect([48, 36, 35, 1, 0.5, 0, -30, -50].map((hours) => signInEndsIn(now + hours * hour, now))).toEqual([
    'sign-in ends in 2 days', 'sign-in ends in 2 days', 'sign-in ends in 35 hours', 'sign-in ends in 1 hour', 'sign-in ends in 30 minutes', 'sign-in ended 1 minute ago', 'sign-in ended 30 hours ago', 'sign-in ended 2 days ago',
  ])
})
