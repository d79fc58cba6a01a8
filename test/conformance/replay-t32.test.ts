import { replayFile } from './check.ts';

replayFile('t32');
