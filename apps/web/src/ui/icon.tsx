export function Icon({ name, class: extra }: { name: string; class?: string }) {
  return (
    <svg class={`i ${extra ?? ''}`} aria-hidden="true">
      <use href={`#${name}`} />
    </svg>
  )
}
