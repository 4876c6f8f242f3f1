/** What is said of a project's wishes: which keys do something, and which are left alone and why. */
export interface Ignored { readonly key: string; readonly why: string; /** It would have reached the host. */ readonly unsafe: boolean }
export interface Notes { readonly used: string[]; readonly ignored: Ignored[]; use(key: string): void; ignore(key: string, why: string): void; unsafe(key: string, why: string): void }

export function createNotes(): Notes {
  const used: string[] = []
  const ignored: Ignored[] = []
  return {
    used, ignored,
    use: (key) => void used.push(key),
    ignore: (key, why) => void ignored.push({ key, why, unsafe: false }),
    unsafe: (key, why) => void ignored.push({ key, why, unsafe: true }),
  }
}
