/*
 * ckp_util: named regions of memory, saved as versions into a checkpoint file and restored by number.
 *
 * A checkpoint file is physically two: PATH, which is appended to, and PATH.index, which can be made anew from it. They
 * are those of Stasis (docs/checkpoint-files.md), so that a host reads what a program saved, and the other way round.
 * Needs nothing but files: runs on every WASI host.
 *
 *   static struct { int step; double x[1000]; } state;
 *   CheckpointFile file;
 *   Checkpoint checkpoint;
 *   ckpOpen ("state.ckp", NULL, &file);
 *   ckpRegister (file, "state", &state, sizeof state, &checkpoint);
 *   ckpSave (checkpoint);
 *   ckpRestore (checkpoint, -1);
 *   ckpClose (file);
 *
 * All functions return 0, or -1 with errno; ckpMessage tells the rest.
 */
#ifndef CKP_UTIL_H
#define CKP_UTIL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ckp_file *CheckpointFile;
/* A registered region. */
typedef struct ckp_region *Checkpoint;

/*
 * Opens a checkpoint file, or makes it. Options are NULL, or words joined by commas: "replace" lets a name be registered
 * with another length than before, "durable" has a save return when it is on the disk. What a crash left of a save is
 * cut. errno: EINVAL (options, or no checkpoint file), ENOTSUP (a newer format), EBADMSG (damaged), or that of the system.
 */
int ckpOpen(const char *pathname, const char *options, CheckpointFile *file);

/*
 * Names a region of memory. A name can be registered again, for other memory; with another length than it is registered
 * or saved with it is EEXIST, unless the file was opened with "replace". EINVAL: the name is not 1 to 255 bytes.
 */
int ckpRegister(CheckpointFile file, const char *name, void *address, size_t length, Checkpoint *checkpoint);

/* Appends a version of one region. EBUSY: somebody else has written to the file. */
int ckpSave(Checkpoint checkpoint);

/* Saves all registered regions as one set: all of them or, after a crash, none. */
int ckpSaveAll(CheckpointFile file);

/*
 * Restores version 1 to N, or 0 the newest, -1 the one before, ... -N+1. ERANGE: there is none such; EINVAL: it has
 * another length; EBADMSG: it is damaged; ENOTSUP: the host compressed it. The region is left alone then.
 */
int ckpRestore(Checkpoint checkpoint, int version);

/* Restores all registered regions as they were after a version of the file, which count saves of one region and of all. */
int ckpRestoreAll(CheckpointFile file, int version);

/* Finds a registered region by its name. ENOENT. */
int ckpLocate(CheckpointFile file, const char *name, Checkpoint *checkpoint);

/* Forgets a region; its saved versions stay. */
int ckpUnregister(Checkpoint checkpoint);

/* Unregisters all regions, and closes the file. */
int ckpClose(CheckpointFile file);

/* Makes the content of a region of what an older program had under its name. 0, or -1 with errno. */
typedef int (*CkpMigration)(const void *old, size_t old_length, void *region, size_t length);

/*
 * For regions of a name that had `from_length` bytes: called by ckpRegister where the program is restored from a
 * checkpoint of an older one (ckp_restored), and by ckpRestore for versions of that length. ckpRegister then takes the
 * new length without "replace". Call it before ckpRegister.
 */
int ckpMigrate(const char *name, size_t from_length, CkpMigration migration);

/* What was wrong in the last call that failed, for people. */
const char *ckpMessage(void);

/*
 * The whole program. Compiled with -DCKP_STASIS these are imports of the module "stasis", which only Stasis provides;
 * without it they do nothing, and the program runs everywhere.
 */

/* 1 under Stasis, else 0. */
int ckp_is_stasis(void);
/*
 * Takes a checkpoint of the whole program: 0 not under Stasis, 1 taken, 2 restored: the program goes on from it.
 * Where none can be taken it is -1 with errno: EAGAIN, ENOMEM, ENOTSUP.
 */
int ckp_checkpoint(void);
/* No checkpoint is taken between them, but for ckp_checkpoint. They nest. */
int ckp_disable(void);
int ckp_enable(void);
/* What the next checkpoint is called. UTF-8 of at most 4,096 bytes; else EILSEQ, ENAMETOOLONG. */
int ckp_label(const char *text);
/*
 * Whether ckpRegister has filled the region with what an older program's region of that name held ("stasis run
 * --regions-from"): 0 no, 1 yes, 2 by a migration. With another length and no migration ckpRegister is EINVAL.
 */
int ckp_restored(Checkpoint checkpoint);

#ifdef __cplusplus
}
#endif

#endif
