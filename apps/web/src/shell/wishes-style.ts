/** Edges for who asked their system for more contrast, or for its own colours. */
import { adoptStyle } from '../rooms/adopt-style.ts'
import css from '../style/wishes.css' with { type: 'text' }

adoptStyle(css)
