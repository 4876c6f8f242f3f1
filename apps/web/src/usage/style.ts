import { adoptStyle } from '../rooms/adopt-style.ts'
import css from '../ways/ways.css' with { type: 'text' }

adoptStyle(css)
