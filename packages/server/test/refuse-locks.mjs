// Preloaded into a server: every lock is refused as a file system without locks refuses it.
import extensions from 'fs-native-extensions';

extensions.tryLock = () => {
  throw Object.assign(new Error('no locks available'), { code: 'ENOLCK' });
};
