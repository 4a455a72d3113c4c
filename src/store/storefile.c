/* SPDX-License-Identifier: GPL-2.0-or-later */

#include "store/storefile.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <libknot/errcode.h>

static int refuse(storefile_t *file, const char *reason)
{
	snprintf(file->reason, sizeof(file->reason), "%s", reason);
	return KNOT_EFILE;
}

/*!
 * \brief Opens a file of the directory for writing, or makes an empty one with mode 0600.
 *
 * \return Descriptor, or KNOT_E* with a reason.
 */
static int open_file(storefile_t *file, const char *name)
{
	int fd = openat(file->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		/* The umask may have removed bits. The directory entry must be on the disk, too. */
		(void)fchmod(fd, 0600);
		(void)fsync(file->dir_fd);
		return fd;
	}
	if (errno != EEXIST) {
		return refuse(file, strerror(errno));
	}

	/* Whatever the file is, the open neither follows a link nor waits for the other end of a pipe. */
	fd = openat(file->dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return refuse(file, errno == ELOOP ? "symbolic link" : strerror(errno));
	}
	struct stat st;
	int ret = fd;
	if (fstat(fd, &st) != 0) {
		ret = refuse(file, strerror(errno));
	} else if (!S_ISREG(st.st_mode)) {
		ret = refuse(file, "not a regular file");
	} else if (st.st_uid != geteuid()) {
		ret = refuse(file, "owned by another user");
	}
	if (ret < 0) {
		close(fd);
	}
	return ret;
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

static int take_lock(storefile_t *file)
{
	file->lock_fd = open_file(file, STOREFILE_NAME ".lock");
	if (file->lock_fd < 0) {
		return file->lock_fd;
	}
	if (flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		bool is_taken = (errno == EWOULDBLOCK);
		(void)refuse(file, is_taken ? "in use by another process" : strerror(errno));
		return is_taken ? KNOT_EBUSY : KNOT_EFILE;
	}
	return KNOT_EOK;
}

/*! Checks the file that is there, or makes an empty one. */
static int prepare(storefile_t *file)
{
	int fd = open_file(file, STOREFILE_NAME);
	if (fd < 0) {
		return fd;
	}
	close(fd);
	return KNOT_EOK;
}

int storefile_open(storefile_t *file, const char *dir)
{
	*file = (storefile_t){ .is_open = true, .dir_fd = -1, .lock_fd = -1 };
	(void)snprintf(file->path, sizeof(file->path), "%s/" STOREFILE_NAME, dir);
	int ret = open_dir(file, dir);
	if (ret == KNOT_EOK) {
		ret = take_lock(file);
	}
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
	if (file->lock_fd >= 0) {
		close(file->lock_fd);
	}
	if (file->dir_fd >= 0) {
		close(file->dir_fd);
	}
	file->is_open = false;
}
