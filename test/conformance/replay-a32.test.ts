import { replayFile } from './check.ts';

replayFile('a32');
