import { replayFile } from './check.ts';

replayFile('random');
