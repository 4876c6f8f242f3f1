/**
 * Three voices for code: words of the language, strings, notes; the rest is ink. A line-wise scanner rather than a
 * grammar, because a hunk is a piece of a file: what it cannot know it leaves as ink. Nothing here makes markup.
 */
export type Voice = 'k' | 'q' | 'c' | null
export interface Token { readonly text: string; readonly voice: Voice }

interface Language { readonly words: ReadonlySet<string>; readonly line: readonly string[]; readonly block: readonly (readonly [open: string, close: string])[]; readonly quotes: readonly string[]; /** Strings that run over lines. */ readonly long: readonly string[] }

/** A line beyond this is data, not code. */
const LINE_LIMIT = 2000
const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))
const language = (text: string, rest: Partial<Omit<Language, 'words'>> = {}): Language => ({ words: words(text), line: ['//'], block: [['/*', '*/']], quotes: ['"', "'"], long: [], ...rest })

const SCRIPT = language('abstract as async await break case catch class const continue debugger default delete do else enum export extends false finally for from function get if implements import in instanceof interface keyof let new null of override private protected public readonly return satisfies set static super switch this throw true try type typeof undefined var void while with yield', { long: ['`'] })
const C_LIKE = 'auto bool break case catch char class const constexpr continue default delete do double else enum extern false float for goto if inline int long namespace new null nullptr operator private protected public return short signed sizeof static struct switch template this throw true try typedef typename union unsigned using virtual void volatile while'
const HASH: Partial<Omit<Language, 'words'>> = { line: ['#'], block: [] }

const LANGUAGES: Record<string, Language> = {
  script: SCRIPT,
  c: language(C_LIKE),
  java: language(`${C_LIKE} abstract boolean byte extends final finally fun implements import instanceof interface is native object override package super synchronized throws transient val var when data sealed companion`),
  csharp: language(`${C_LIKE} abstract async await base byte decimal event foreach get in interface internal is lock out override params readonly record ref sealed set string var where yield`),
  go: language('break case chan const continue default defer else fallthrough false for func go goto if import interface iota map nil package range return select struct switch true type var', { long: ['`'] }),
  rust: language('as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self Self static struct super trait true type unsafe use where while', { quotes: ['"'] }),
  swift: language('as async await break case catch class continue default defer do else enum extension false for func guard if import in init inout internal is let nil operator override private protocol public return self static struct super switch throw throws true try typealias var where while'),
  python: language('and as assert async await break class continue def del elif else except False finally for from global if import in is lambda match None nonlocal not or pass raise return True try while with yield', { ...HASH, long: ['"""', "'''"] }),
  ruby: language('alias and begin break case class def do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield require', HASH),
  php: language('abstract as break case catch class const continue declare default do echo else elseif empty extends false final fn for foreach function global if implements include instanceof interface isset match namespace new null private protected public readonly require return static switch throw trait true try unset use var while yield', { line: ['//', '#'] }),
  shell: language('case do done elif else esac export fi for function if in local readonly return select set shift source then trap unset until while', HASH),
  sql: language('add all alter and as asc between by case check column constraint create cross default delete desc distinct drop else end exists foreign from full group having in index inner insert into is join key left like limit not null on or order outer primary references right select set table then union unique update values view when where with', { line: ['--'] }),
  css: language('important media supports keyframes import font-face container layer', { line: [] }),
  markup: language('', { line: [], block: [['<!--', '-->']] }),
  yaml: language('true false null yes no on off', HASH),
  toml: language('true false', { ...HASH, long: ['"""', "'''"] }),
  json: language('true false null'),
  lua: language('and break do else elseif end false for function goto if in local nil not or repeat return then true until while', { line: ['--'], block: [['--[[', ']]']] }),
  elixir: language('after alias and case catch cond def defmodule defp do else end false fn for if import in nil not or quote raise receive require rescue true try unless use when with', HASH),
  haskell: language('as case class data deriving do else hiding if import in infix instance let module newtype of qualified then type where', { line: ['--'], block: [['{-', '-}']], quotes: ['"'] }),
  nix: language('assert else false if in inherit let null or rec then true with', { line: ['#'], long: ["''"] }),
}

const BY_ENDING: Record<string, string> = {
  ts: 'script', tsx: 'script', js: 'script', jsx: 'script', mjs: 'script', cjs: 'script', mts: 'script', cts: 'script', vue: 'script', svelte: 'script',
  c: 'c', h: 'c', cc: 'c', cpp: 'c', cxx: 'c', hpp: 'c', m: 'c', zig: 'c', java: 'java', kt: 'java', kts: 'java', scala: 'java', groovy: 'java', gradle: 'java', dart: 'java', cs: 'csharp',
  go: 'go', rs: 'rust', swift: 'swift', py: 'python', pyi: 'python', rb: 'ruby', php: 'php', sh: 'shell', bash: 'shell', zsh: 'shell', fish: 'shell', sql: 'sql',
  css: 'css', scss: 'css', less: 'css', html: 'markup', xml: 'markup', svg: 'markup', md: 'markup', yml: 'yaml', yaml: 'yaml', toml: 'toml', ini: 'toml', cfg: 'toml', env: 'shell',
  json: 'json', jsonc: 'json', json5: 'json', lua: 'lua', ex: 'elixir', exs: 'elixir', hs: 'haskell', nix: 'nix', tf: 'shell', proto: 'c',
}
const BY_NAME: Record<string, string> = { dockerfile: 'shell', makefile: 'shell', justfile: 'shell', gemfile: 'ruby', rakefile: 'ruby', '.gitignore': 'yaml', '.env': 'shell' }

export function languageOf(path: string): string | null {
  const name = (path.split('/').at(-1) ?? '').toLowerCase()
  return BY_NAME[name] ?? BY_ENDING[name.slice(name.lastIndexOf('.') + 1)] ?? null
}

/** Each line's tokens; together they are the line, character for character. */
export function highlight(lines: readonly string[], name: string | null): Token[][] {
  const known = name === null ? undefined : LANGUAGES[name]
  if (!known) return lines.map((text) => [{ text, voice: null }])
  let open: Open | null = null
  return lines.map((text) => {
    if (text.length > LINE_LIMIT) return [{ text, voice: null }]
    const [tokens, stillOpen] = scan(text, known, open, name === 'sql')
    open = stillOpen
    return tokens
  })
}

const NEXT = /[\p{L}\p{N}_$]+|=>|[^\p{L}\p{N}_$]/uy

interface Open { readonly close: string; readonly voice: Voice }

function scan(text: string, known: Language, from: Open | null, anyCase: boolean): [Token[], Open | null] {
  const tokens: Token[] = []
  const push = (piece: string, voice: Voice) => {
    const last = tokens.at(-1)
    if (piece === '') return
    if (last?.voice === voice) tokens[tokens.length - 1] = { text: last.text + piece, voice }
    else tokens.push({ text: piece, voice })
  }
  let open = from
  let at = 0
  while (at < text.length) {
    if (open !== null) {
      const end = text.indexOf(open.close, at)
      push(text.slice(at, end < 0 ? undefined : end + open.close.length), open.voice)
      if (end < 0) return [tokens, open]
      at = end + open.close.length
      open = null
      continue
    }
    const start = starts(text, at, known)
    if (start?.kind === 'open') {
      push(start.text, start.open.voice)
      at += start.text.length
      open = start.open
    } else if (start) {
      push(start.text, start.voice)
      at += start.text.length
    } else {
      NEXT.lastIndex = at
      const word = NEXT.exec(text)?.[0] ?? text[at] ?? ''
      push(word, known.words.has(anyCase ? word.toLowerCase() : word) || word === '=>' ? 'k' : null)
      at += word.length
    }
  }
  return [tokens, open]
}

type Start = { kind: 'open'; text: string; open: Open } | { kind: 'whole'; text: string; voice: Voice } | null

function starts(text: string, at: number, known: Language): Start {
  for (const [open, close] of known.block) if (text.startsWith(open, at)) return { kind: 'open', text: open, open: { close, voice: 'c' } }
  for (const quote of known.long) if (text.startsWith(quote, at)) return { kind: 'open', text: quote, open: { close: quote, voice: 'q' } }
  // A hash within a word (`a#b`, `$#`) is no note.
  for (const mark of known.line) if (text.startsWith(mark, at) && (mark !== '#' || at === 0 || /\s/.test(text[at - 1] ?? ''))) return { kind: 'whole', text: text.slice(at), voice: 'c' }
  const quote = known.quotes.find((mark) => text[at] === mark)
  if (quote === undefined) return null
  const end = endOfString(text, at, quote)
  // One that does not end on its line is an apostrophe.
  return end === null ? null : { kind: 'whole', text: text.slice(at, end), voice: 'q' }
}

function endOfString(text: string, at: number, quote: string): number | null {
  for (let index = at + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1
    else if (text[index] === quote) return index + 1
  }
  return null
}
