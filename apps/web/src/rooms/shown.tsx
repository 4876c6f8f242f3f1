import { revealed } from '../ui/inert.ts'

/** Text of the agent in which nothing is invisible: what has no shape of its own, or turns the line around, is spelled out. */
export function Shown({ text }: { text: string }) {
  return <>{revealed(text).map((piece, at) => (piece.odd ? <mark key={at} class="odd">{piece.text}</mark> : piece.text))}</>
}

/** `src/totals/` quiet, `sum.ts` in ink. The name never loses its end. */
export function PathName({ path }: { path: string }) {
  const cut = path.lastIndexOf('/', path.length - 2) + 1
  return (
    <span class="path-name" title={path}>
      {cut > 0 && <span class="dir"><bdi><Shown text={path.slice(0, cut)} /></bdi></span>}
      <b><Shown text={path.slice(cut)} /></b>
    </span>
  )
}
