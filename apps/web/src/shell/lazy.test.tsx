import { expect, test } from 'bun:test'
import { render, type ContainerNode } from 'preact'
import { bring, Lazy } from './lazy.tsx'

/** As much of a page as a drawing needs. */
interface PageNode {
  readonly childNodes: PageNode[]
  parentNode: PageNode | null
  /** What a person reads in it. */
  text(): string
  remove(): void
}
function createNode(localName: string, data = ''): PageNode {
  const childNodes: PageNode[] = []
  let label = ''
  const node = {
    localName, data, childNodes, parentNode: null as PageNode | null,
    ownerDocument: { createElementNS: (_: string, name: string) => createNode(name), createTextNode: (text: string) => createNode('', text) },
    get firstChild() { return childNodes[0] ?? null },
    get nextSibling() {
      const among = node.parentNode?.childNodes ?? []
      return among[among.indexOf(node) + 1] ?? null
    },
    text: () => node.data + label + childNodes.map((child) => child.text()).join(''),
    insertBefore(child: PageNode, before: PageNode | null) {
      child.remove()
      child.parentNode = node
      childNodes.splice(before === null ? childNodes.length : childNodes.indexOf(before), 0, child)
    },
    remove() {
      const among = node.parentNode?.childNodes
      among?.splice(among.indexOf(node), 1)
      node.parentNode = null
    },
    setAttribute(name: string, value: string) { if (name === 'aria-label') label = value },
    removeAttribute: () => {}, addEventListener: () => {},
  }
  return node
}

/** What a person reads where the room is to be, and what was there before it. */
function screen() {
  const root = createNode('div')
  const seen: string[] = []
  const look = () => {
    const text = root.text()
    if (seen.at(-1) !== text) seen.push(text)
    return text
  }
  return {
    seen,
    // Of a container, a drawing needs no more than this.
    show: (load: Parameters<typeof bring>[0]) => (render(<Lazy load={load} props={{}} name="The room" />, root as unknown as ContainerNode), look()),
    /** A drawing asks for its room behind the next frame. */
    async reads(words: string): Promise<void> {
      for (const end = Date.now() + 2000; !look().includes(words) && Date.now() < end;) await Bun.sleep(1)
      expect(look()).toContain(words)
    },
  }
}
const roomOf = (words: string) => () => <p>{words}</p>
const REFUSED = 'could not be loaded'

test('a room comes when it is drawn', async () => {
  const { show, reads } = screen()
  expect(show(async () => roomOf('the room'))).toBe('The room is being loaded')
  await reads('the room')
})

test('a room that was brought between its drawing and its being asked for is seen', async () => {
  const { show, reads } = screen()
  const load = async () => roomOf('brought')
  show(load)
  await bring(load)
  await reads('brought')
})

test('a room that was refused is seen once somebody else brought it', async () => {
  const { show, reads } = screen()
  let isThere = false
  const load = async () => {
    if (!isThere) throw new Error('no connection')
    return roomOf('there again')
  }
  show(load)
  await reads(REFUSED)
  isThere = true
  await bring(load)
  await reads('there again')
})

test('one room after another in the same place: none is called refused while it only comes', async () => {
  const { show, reads, seen } = screen()
  show(async () => roomOf('the first'))
  await reads('the first')
  expect(show(async () => roomOf('the second'))).toBe('The room is being loaded')
  await reads('the second')
  expect(seen).toEqual(['The room is being loaded', 'the first', 'The room is being loaded', 'the second'])
})
