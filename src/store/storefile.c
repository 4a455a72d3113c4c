/* SPDX-License-Identifier: GPL-2.0-or-later */

/* Opens the store's directory, lock and file safely, and sets an unsound file aside. See storefile.h. */

#include "store/storefile.h"

#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <syslog.h>
#include <unistd.h>
#include <libknot/errcode.h>

#include "store/check.h"

void storefile_log(const storefile_t *file, int priority, const char *format, ...)
{
	char *what = NULL;
	va_list args;
	va_start(args, format);
	int ret = vasprintf(&what, format, args);
	va_end(args);
	if (ret >= 0) {
		log_queue_post(file->log, priority, "store %s, %s", file->path, what);
		free(what);
	}
}

/*! A disk that gets full first causes a short write, which LMDB reports as EIO. */
static bool is_full(const storefile_t *file)
{
	struct statvfs st;
	return fstatvfs(file->dir_fd, &st) == 0 && st.f_bavail == 0;
}

int storefile_fault(storefile_t *file, int error)
{
	if (error == EIO && is_full(file)) {
		error = ENOSPC;
	}
	snprintf(file->reason, sizeof(file->reason), "%s", mdb_strerror(error));
	switch (error) {
	case ENOSPC:
	case EDQUOT:
		return KNOT_ESPACE;
	case EROFS:
	case EPERM:
		return KNOT_EACCES;
	case EBUSY:
		return KNOT_EFILE; /* KNOT_EBUSY is for the lock. */
	default:
		return error > 0 ? knot_map_errno_code_def(error, KNOT_ERROR) : KNOT_EFILE;
	}
}

static int fault_at(storefile_t *file, const char *step, int error)
{
	int ret = storefile_fault(file, error);
	snprintf(file->reason, sizeof(file->reason), "%s: %s", step, strerror(error));
	return ret;
}

static int refuse(storefile_t *file, const char *reason)
{
	snprintf(file->reason, sizeof(file->reason), "%s", reason);
	return KNOT_EACCES;
}

/*!
 * \brief Opens a file of the directory for writing, or makes an empty one with mode 0600.
 *
 * \param suffix     Appended to the store's name.
 * \param[out] size  Length of the file, octets.
 *
 * \return Descriptor, or KNOT_E* with a reason.
 */
static int open_file(storefile_t *file, const char *suffix, size_t *size)
{
	char name[strlen(file->name) + strlen(suffix) + 1];
	sprintf(name, "%s%s", file->name, suffix);
	*size = 0;
	int fd = openat(file->dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0) {
		/* The umask may have removed bits. The directory entry must be on the disk, too. */
		(void)fchmod(fd, 0600);
		(void)fsync(file->dir_fd);
		return fd;
	}
	if (errno != EEXIST) {
		return storefile_fault(file, errno);
	}

	/* Whatever the file is, the open neither follows a link nor waits for the other end of a pipe. */
	fd = openat(file->dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0) {
		return errno == ELOOP ? refuse(file, "symbolic link") : storefile_fault(file, errno);
	}
	struct stat st;
	int ret = fd;
	if (fstat(fd, &st) != 0) {
		ret = storefile_fault(file, errno);
	} else if (!S_ISREG(st.st_mode)) {
		ret = refuse(file, "not a regular file");
	} else if (st.st_uid != geteuid()) {
		ret = refuse(file, "owned by another user");
	}
	if (ret < 0) {
		close(fd);
	} else {
		*size = st.st_size;
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
		return storefile_fault(file, errno == ENOENT && error != 0 ? error : errno);
	}
	return st.st_uid == geteuid() ? KNOT_EOK : refuse(file, "directory owned by another user");
}

static int take_lock(storefile_t *file)
{
	size_t size;
	file->lock_fd = open_file(file, ".lock", &size);
	if (file->lock_fd < 0) {
		return file->lock_fd;
	}
	if (flock(file->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		return errno == EWOULDBLOCK ? KNOT_EBUSY : storefile_fault(file, errno);
	}
	return KNOT_EOK;
}

int storefile_open(storefile_t *file, const char *dir, const char *name, log_queue_t *log)
{
	*file = (storefile_t){ .dir_fd = -1, .lock_fd = -1, .log = log };
	if (asprintf(&file->path, "%s/%s", dir, name) < 0) {
		file->path = NULL;
		return KNOT_ENOMEM;
	}
	file->name = file->path + strlen(dir) + 1;

	int ret = open_dir(file, dir);
	return ret == KNOT_EOK ? take_lock(file) : ret;
}

static int set_aside(storefile_t *file, const char *what)
{
	char name[strlen(file->name) + sizeof(".bad")];
	sprintf(name, "%s.bad", file->name);
	if (renameat(file->dir_fd, file->name, file->dir_fd, name) != 0) {
		char step[64];
		snprintf(step, sizeof(step), "%s, and can't be moved away", what);
		return fault_at(file, step, errno);
	}
	storefile_log(file, LOG_ERR, "%s, moved to %s, starting with an empty one", what, name);
	return KNOT_EOK;
}

int storefile_prepare(storefile_t *file, size_t *size)
{
	int fd = open_file(file, "", size);
	if (fd < 0) {
		return fd;
	}
	close(fd);
	if (*size == 0) {
		return KNOT_EOK;
	}

	const char *what = NULL;
	switch (check_file(file->path)) {
	case CHECK_SOUND:
		return KNOT_EOK;
	case CHECK_DAMAGED:
		what = "damaged";
		break;
	case CHECK_FOREIGN:
		what = "not a store of mod-alias";
		break;
	case CHECK_NEWER:
		what = "written by a newer version of mod-alias";
		break;
	case CHECK_FAILED:
		return fault_at(file, "can't be checked", errno);
	}
	int ret = set_aside(file, what);
	if (ret != KNOT_EOK) {
		return ret;
	}
	fd = open_file(file, "", size);
	if (fd < 0) {
		return fd;
	}
	close(fd);
	return KNOT_EOK;
}

void storefile_close(storefile_t *file)
{
	if (file->lock_fd >= 0) {
		close(file->lock_fd);
	}
	if (file->dir_fd >= 0) {
		close(file->dir_fd);
	}
	free(file->path);
}
