import { replayFile } from './check.ts';

replayFile('blocks');
