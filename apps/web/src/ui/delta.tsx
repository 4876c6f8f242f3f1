/** Always with its sign, and read as words; nothing where no line changed. */
export function Delta({ added, removed }: { added: number; removed: number }) {
  if (added === 0 && removed === 0) return null
  return <span class="delta" role="img" aria-label={`${added} added, ${removed} removed`}><span class="plus">+{added}</span><span class="minus">−{removed}</span></span>
}
