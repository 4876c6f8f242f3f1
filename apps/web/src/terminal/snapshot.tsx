import { useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { readAnsi, type Run } from './ansi.ts'

/** The screen as text: selectable, zoomable, and at nobody's cost. Stays at its end unless somebody scrolled up. */
export function Snapshot({ screen }: { screen: { ansi: string; cols: number; rows: number } }) {
  const box = useRef<HTMLPreElement>(null)
  const below = useRef(true)
  const lines = useMemo(() => readAnsi(screen.ansi), [screen.ansi])
  useLayoutEffect(() => {
    if (box.current && below.current) box.current.scrollTop = box.current.scrollHeight
  }, [lines])
  const onScroll = () => {
    const { scrollTop = 0, clientHeight = 0, scrollHeight = 0 } = box.current ?? {}
    below.current = scrollTop + clientHeight >= scrollHeight - 8
  }
  return (
    <pre class="term-screen" ref={box} tabIndex={0} role="region" aria-label="The screen of the terminal" onScroll={onScroll}>
      {lines.map((runs, at) => <div key={at}>{runs.length === 0 ? '\n' : runs.map((run, index) => <Piece key={index} run={run} />)}</div>)}
    </pre>
  )
}

function Piece({ run: { text, look, fore, back } }: { run: Run }) {
  if (look === '' && fore === null && back === null) return <>{text}</>
  // A program's own colour was chosen for a ground it does not know: its lightness is kept within what can be read here.
  const style = { ...(fore === null ? {} : { color: back === null && fore.startsWith('rgb') ? `oklch(from ${fore} clamp(var(--l-least), l, var(--l-most)) c h)` : fore }), ...(back === null ? {} : { background: back }) }
  return <span class={look} style={style}>{text}</span>
}
