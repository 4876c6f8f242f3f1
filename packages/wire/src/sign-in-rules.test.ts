import { expect, it } from 'bun:test'
import { readSignIn } from './sign-in-rules.ts'

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
