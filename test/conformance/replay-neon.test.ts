import { replayFile } from './check.ts';

replayFile('neon');
