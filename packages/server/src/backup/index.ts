/** What backups are on disk: for those who make them, restore them and check them. */

export { makeFolders } from '../make-folders.js';
export { StartError } from '../start-error.js';
export { isTableName } from '../tables/files.js';
export {
  BackupError,
  backupAt,
  backupsIn,
  createManifest,
  isBackup,
  isBackupPath,
  type ManifestFile,
  manifestName,
  partialEnding,
  readManifest,
} from './backup-folder.js';
export {
  createFileWriter,
  type FileWriter,
  type Restored,
  type RestoreOptions,
  restoreBackup,
} from './restore.js';
export { readChecksum } from './snapshot.js';
