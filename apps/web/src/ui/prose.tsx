/** What somebody said. Of Markdown only what helps reading is drawn; the rest stays as it was written. Links stay text: where they lead is read, not clicked. */
import type { ComponentChild, VNode } from 'preact'
import { inert, shortened } from './inert.ts'

export function Prose({ text, class: name }: { text: string; class: string }) {
  return (
    <div class={name} dir="auto">
      {inert(text).split(/^```[^\n]*\n?/m).flatMap((part, index) => (index % 2 === 1 ? <pre key={index} class="out" dir="ltr" tabIndex={0}>{shortened(part, Infinity).shown}</pre> : blocksOf(part, `${index} `)))}
    </div>
  )
}

const ITEM = /^\s*(?:[-*•]|\d{1,3}[.)])\s+/
/** Called, not drawn as a part of its own: each part costs a row that comes. `under`: what their keys begin with. */
function blocksOf(text: string, under: string): VNode[] {
  const blocks: VNode[] = []
  for (const block of text.split(/\n{2,}/)) {
    const lines = block.split('\n').filter((line) => line.trim() !== '')
    let from = 0
    for (let at = 0; at <= lines.length; at++) {
      const kind = kindOf(lines[at])
      if (at > 0 && at < lines.length && kind === kindOf(lines[at - 1]) && kind !== 'head') continue
      if (at > from) blocks.push(blockOf(lines.slice(from, at), under + blocks.length))
      from = at
    }
  }
  return blocks
}

function kindOf(line: string | undefined): 'item' | 'head' | 'text' | 'table' | null {
  if (line === undefined) return null
  if (/^#{1,6} /.test(line)) return 'head'
  if (/^\s*\|.*\|\s*$/.test(line)) return 'table'
  return ITEM.test(line) ? 'item' : 'text'
}

function blockOf(lines: readonly string[], key: string): VNode {
  const first = lines[0] ?? ''
  switch (kindOf(first)) {
    case 'head': return <p key={key}><b>{inline(first.replace(/^#+ /, ''))}</b></p>
    case 'table': return <pre key={key} class="out" dir="ltr" tabIndex={0}>{lines.join('\n')}</pre>
    case 'item': return <ul key={key}>{lines.map((line, index) => <li key={index} class={/^\s*\d/.test(line) ? 'numbered' : ''}>{/^\s*(\d+[.)])/.exec(line)?.[1]} {inline(line.replace(ITEM, ''))}</li>)}</ul>
    default: return <p key={key}>{inline(shortened(lines.join('\n'), Infinity).shown)}</p>
  }
}

function inline(text: string): ComponentChild {
  const parts = text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/)
  return parts.length === 1 ? text : parts.map((part, index) => {
    if (index % 2 === 0) return part
    return part.startsWith('`') ? <code key={index} dir="ltr">{part.slice(1, -1)}</code> : <b key={index}>{part.slice(2, -2)}</b>
  })
}
