using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using ModelFs.Cache;
using ModelFs.Configuration;

namespace ModelFs.Control;

/// <summary>Where a daemon listens for the other verbs, and how they find it.</summary>
/// <remarks>
/// The socket is <c>modelfs.sock</c> in the index directory, or in the cache directory where there is no other. Whoever knows the cache
/// directory finds it: a file <c>modelfs.sock.path</c> there names a socket that lies elsewhere, because the index does, or because its
/// path would be longer than the 107 bytes that a Unix socket's address holds. Whoever knows the mount point finds it too.
/// </remarks>
internal static class ControlSocket
{
    /// <summary><c>sun_path</c> has 108 bytes, the last of them zero.</summary>
    private const int LongestPath = 107;

    private const string Name = "modelfs.sock";
    private const string MountSuffix = ".mount";

    /// <summary>A directory that nobody but this user can have made: never one in <c>/tmp</c>, where another could answer in the daemon's place.</summary>
    private static readonly string RuntimeDirectory =
        Environment.IsPrivilegedProcess ? "/run/modelfs"
        : Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime ? Path.Combine(runtime, "modelfs")
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".local", "state", "modelfs");

    /// <summary>Where the daemon of this configuration listens.</summary>
    public static string PathFor(ModelFsOptions options)
    {
        var path = Path.Combine(options.Index ?? options.Cache, Name);
        return Encoding.UTF8.GetByteCount(path) <= LongestPath ? path : Path.Combine(RuntimeDirectory, Hash(path) + ".sock");
    }

    /// <summary>Where the daemon listens that holds this cache directory, if one does.</summary>
    public static string Find(string cacheDirectory)
    {
        try
        {
            return File.ReadAllText(Pointer(cacheDirectory)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Path.Combine(cacheDirectory, Name);
        }
    }

    /// <summary>Where the daemon listens that serves this mount point, or null.</summary>
    public static string? FindByMount(string mountPoint)
    {
        try
        {
            return File.ReadAllText(MountPointer(mountPoint)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Binds the socket, for its owner alone, and leaves word of it.</summary>
    /// <remarks>The caller holds the cache: a socket that is there already is a dead daemon's.</remarks>
    public static Socket Bind(ModelFsOptions options, string mountPoint)
    {
        var path = PathFor(options);
        PrivateDirectory.Create(options.Cache);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.Delete(path);
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            // Nobody can connect before listen(2), so the mode is never wider than this.
            File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
            if (Path.GetDirectoryName(path) == options.Cache)
                File.Delete(Pointer(options.Cache));
            else
                File.WriteAllText(Pointer(options.Cache), path);
            PointFromMount(mountPoint, path);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static void Remove(ModelFsOptions options, string mountPoint)
    {
        Delete(PathFor(options));
        Delete(Pointer(options.Cache));
        // A mount that was refused because another daemon serves it leaves that daemon's word alone.
        if (FindByMount(mountPoint) == PathFor(options))
            Forget(mountPoint);
    }

    /// <summary>Removes the word that a daemon, perhaps a dead one, left of this mount.</summary>
    public static void Forget(string mountPoint) => Delete(MountPointer(mountPoint));

    private static string Pointer(string cacheDirectory) => Path.Combine(cacheDirectory, Name + ".path");

    private static string MountPointer(string mountPoint) => Path.Combine(RuntimeDirectory, Hash(mountPoint) + MountSuffix);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));

    /// <summary>A convenience: where there is no such directory to write in, whoever asks has to name the cache.</summary>
    private static void PointFromMount(string mountPoint, string socket)
    {
        try
        {
            Directory.CreateDirectory(RuntimeDirectory);
            // Daemons that were killed, and whose cache has been deleted since, took nothing back.
            foreach (var pointer in Directory.EnumerateFiles(RuntimeDirectory, "*" + MountSuffix))
                if (!File.Exists(File.ReadAllText(pointer)))
                    File.Delete(pointer);
            // By rename: another daemon that sweeps at this moment sees the whole of it.
            var written = Path.Combine(RuntimeDirectory, Path.GetRandomFileName());
            File.WriteAllText(written, socket);
            File.Move(written, MountPointer(mountPoint), overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>What cannot be deleted stays, and is told from a live socket by nobody's answering.</summary>
    private static void Delete(string file)
    {
        try
        {
            File.Delete(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}
