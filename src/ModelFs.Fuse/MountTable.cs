using System.Globalization;
using System.Text;
using ModelFs.Fuse.Mounting;

namespace ModelFs.Fuse;

/// <summary>One line of <c>/proc/self/mountinfo</c>.</summary>
public sealed record MountEntry(int Id, int ParentId, string Device, string MountPoint, string FileSystemType, string Source);

/// <summary>What is mounted, without touching it: a hung or dead mount blocks whoever calls <c>stat</c> on it.</summary>
public static class MountTable
{
    public static IReadOnlyList<MountEntry> Read() => Parse(File.ReadAllBytes("/proc/self/mountinfo"));

    /// <summary>Detaches every mount of this type stacked on the path (<c>umount2(MNT_DETACH)</c>, else <c>fusermount3 -u -z</c>) and says how many there were.</summary>
    /// <exception cref="FuseMountException">A mount of this type is there and could not be detached.</exception>
    public static int DetachAll(string mountPoint, string fileSystemType)
    {
        string path = MountPointPath.Resolve(mountPoint);
        int count = 0;
        while (FindTop(Read(), path) is { } top && top.FileSystemType == fileSystemType)
        {
            Unmounter.Detach(path);
            count++;
        }

        return count;
    }

    /// <summary>The mount that a path leads to, of all that are stacked on it: the one on which no other of them is mounted.</summary>
    internal static MountEntry? FindTop(IReadOnlyList<MountEntry> mounts, string mountPoint)
    {
        List<MountEntry> stack = [.. mounts.Where(mount => mount.MountPoint == mountPoint)];
        return stack.Find(mount => !stack.Exists(other => other.ParentId == mount.Id && other.Id != mount.Id));
    }

    /// <summary>The fields are those of proc_pid_mountinfo(5). Lines that have not their shape are left out.</summary>
    internal static IReadOnlyList<MountEntry> Parse(ReadOnlySpan<byte> text)
    {
        var mounts = new List<MountEntry>();
        foreach (Range line in text.Split((byte)'\n'))
        {
            string[] fields = Encoding.UTF8.GetString(text[line]).Split(' ');

            // Optional fields stand before a lone dash: shared:1 master:2 …
            int dash = fields.Length < 10 ? -1 : Array.IndexOf(fields, "-", 6);
            if (dash < 0 || fields.Length < dash + 3
                || !int.TryParse(fields[0], CultureInfo.InvariantCulture, out int id)
                || !int.TryParse(fields[1], CultureInfo.InvariantCulture, out int parent))
                continue;

            mounts.Add(new MountEntry(id, parent, fields[2], Unescape(fields[4]), Unescape(fields[dash + 1]), Unescape(fields[dash + 2])));
        }

        return mounts;
    }

    /// <summary>The kernel writes blank, tab, newline, backslash and # as a backslash and three octal digits.</summary>
    private static string Unescape(string field)
    {
        if (!field.Contains('\\'))
            return field;

        var text = new StringBuilder(field.Length);
        for (int at = 0; at < field.Length; at++)
        {
            if (field[at] == '\\' && at + 3 < field.Length && IsOctal(field[at + 1]) && IsOctal(field[at + 2]) && IsOctal(field[at + 3]))
            {
                text.Append((char)(((field[at + 1] - '0') << 6) | ((field[at + 2] - '0') << 3) | (field[at + 3] - '0')));
                at += 3;
            }
            else
            {
                text.Append(field[at]);
            }
        }

        return text.ToString();
    }

    private static bool IsOctal(char digit) => digit is >= '0' and <= '7';
}
