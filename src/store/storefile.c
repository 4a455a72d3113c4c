/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/storefile.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libknot/errcode.h>

static int refuse(storefile_t *file, const char *reason)
{
	snprintf(file->reason, sizeof(file->reason), "%s", reason);
	return KNOT_EFILE;
}

static int open_dir(storefile_t *file, const char *dir)
{
	int error = 0;
	if (mkdir(dir, 0700) != 0) {
		error = errno;
	} else {
		(void)chmod(dir, 0700); /* The umask may have removed bits. */
	}
	file->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;
	if (file->dir_fd < 0 || fstat(file->dir_fd, &st) != 0) {
		/* The error of mkdir() says more than ENOENT. */
		return refuse(file, strerror(errno == ENOENT && error != 0 ? error : errno));
	}
	return st.st_uid == geteuid() ? KNOT_EOK : refuse(file, "directory owned by another user");
}

/*! Checks the file that is there, or makes an empty one with mode 0600. */
static int prepare(storefile_t *file)
{
	/* Never opened: the close would release the lock of those who have it by another path in this process. */
	if (mknodat(file->dir_fd, STOREFILE_NAME, S_IFREG | 0600, 0) == 0) {
		/* The umask may have removed bits. The directory entry must be on the disk, too. */
		(void)fchmodat(file->dir_fd, STOREFILE_NAME, 0600, 0);
		(void)fsync(file->dir_fd);
		return KNOT_EOK;
	}
	struct stat st;
	if (errno != EEXIST || fstatat(file->dir_fd, STOREFILE_NAME, &st, AT_SYMLINK_NOFOLLOW) != 0) {
		return refuse(file, strerror(errno));
	} else if (S_ISLNK(st.st_mode)) {
		return refuse(file, "symbolic link");
	} else if (!S_ISREG(st.st_mode)) {
		return refuse(file, "not a regular file");
	} else if (st.st_uid != geteuid()) {
		return refuse(file, "owned by another user");
	}
	bool usable = faccessat(file->dir_fd, STOREFILE_NAME, R_OK | W_OK, AT_EACCESS) == 0;
	return usable ? KNOT_EOK : refuse(file, strerror(errno));
}

int storefile_open(storefile_t *file, const char *dir)
{
	*file = (storefile_t){ .is_open = true, .dir_fd = -1 };
	(void)snprintf(file->path, sizeof(file->path), "%s/" STOREFILE_NAME, dir);
	int ret = open_dir(file, dir);
	return ret == KNOT_EOK ? prepare(file) : ret;
}

int storefile_set_aside(storefile_t *file, const char *what)
{
	/* A journal has no meaning for another file. */
	(void)renameat(file->dir_fd, STOREFILE_NAME "-journal", file->dir_fd, STOREFILE_NAME ".bad-journal");
	if (renameat(file->dir_fd, STOREFILE_NAME, file->dir_fd, STOREFILE_NAME ".bad") != 0) {
		snprintf(file->reason, sizeof(file->reason), "%s, and can't be moved away: %s", what, strerror(errno));
		return KNOT_EFILE;
	}
	return prepare(file);
}

bool storefile_has_lmdb(const storefile_t *file)
{
	char pattern[PATH_MAX];
	glob_t found = { .gl_pathc = 0 };
	int len = strrchr(file->path, '/') - file->path;
	(void)snprintf(pattern, sizeof(pattern), "%.*s/*.mdb", len, file->path);
	bool any = glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
	globfree(&found);
	return any;
}

void storefile_close(storefile_t *file)
{
	if (!file->is_open) {
		return;
	}
	if (file->dir_fd >= 0) {
		close(file->dir_fd);
	}
	file->is_open = false;
}
