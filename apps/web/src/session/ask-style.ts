/** The style of a question, where the page did not come with one. */
import { adoptStyle } from '../rooms/adopt-style.ts'
import css from '../style/ask.css' with { type: 'text' }

adoptStyle(css)
