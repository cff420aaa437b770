using System.Globalization;
using ModelFs.Benchmarks.Reading;
using ModelFs.Benchmarks.Rigs;

namespace ModelFs.Benchmarks.Figures;

/// <summary>What the parts of one run share: the origin, a directory on the disk, the order of things, the table.</summary>
internal sealed class Bench : IAsyncDisposable
{
    /// <summary>Bytes of the model that a daemon has served before.</summary>
    public const long EarlierSize = 32 << 20;

    private const int Seed = 20_240;

    private readonly DirectoryInfo disk = Directory.CreateTempSubdirectory("modelfs-bench-");
    private readonly DirectoryInfo memory;
    private int directories;

    private Bench(FigureOptions options, CancellationToken cancellation)
    {
        (Options, Cancellation) = (options, cancellation);
        memory = Directory.CreateDirectory(Path.Combine("/dev/shm", disk.Name));
        Origin = new Origin(memory.FullName);
    }

    public FigureOptions Options { get; }

    public CancellationToken Cancellation { get; }

    public Origin Origin { get; }

    public Nginx Nginx { get; private set; } = null!;

    public Random Random { get; } = new(Seed);

    public List<Figure> Figures { get; } = [];

    /// <summary>The part that runs.</summary>
    public string Part { get; set; } = "";

    public static async Task<Bench> CreateAsync(FigureOptions options, CancellationToken cancellation)
    {
        var bench = new Bench(options, cancellation);
        try
        {
            bench.Nginx = await Nginx.StartAsync(bench.Origin, Path.Combine(bench.disk.FullName, "nginx"), cancellation);
            return bench;
        }
        catch
        {
            await bench.DisposeAsync();
            throw;
        }
    }

    public bool Has(Tool tool) => !Options.Without.Contains(tool);

    public void Add(string what, string unit, IReadOnlyList<double> values, Goal? goal = null, bool headline = false)
    {
        var figure = new Figure(Part, what, unit, values, goal, headline);
        Figures.Add(figure);
        Console.WriteLine($"  {figure.What}: {figure.MedianText} ({figure.Spread}) {figure.Verdict}");
    }

    /// <summary>Says what runs, on standard error.</summary>
    public void Progress(string what) => Console.Error.WriteLine($"  … {what}");

    /// <summary>Mounts the server at the address, with what the directory has for a cache.</summary>
    public Task<Daemon> MountAsync(Scratch scratch, Uri server) => Daemon.StartAsync(scratch.Directory, server, Cancellation);

    /// <summary>Mounts, and reads another model first, as the daemon of a node has: the first second of a process is that of its compiler.</summary>
    public async Task<Daemon> MountServedAsync(Scratch scratch, Uri server, Reader reader)
    {
        const string Weights = "weights.bin";
        var model = $"{Part}-earlier";
        if (!File.Exists(Origin.PathOf(model, Weights)))
            Origin.Add(model, [Weights], EarlierSize, Origin.Formula);
        var daemon = await MountAsync(scratch, server);
        try
        {
            await AskAsync(reader, new(ReadPattern.Sequential, [daemon.PathOf(model, Weights)]));
            return daemon;
        }
        catch
        {
            await daemon.DisposeAsync();
            throw;
        }
    }

    public Task<ReadReport> AskAsync(Reader reader, ReadOrder order) => reader.AskAsync(order, Cancellation);

    /// <summary>An empty directory on the disk that is measured.</summary>
    public Scratch Scratch() => new(Path.Combine(disk.FullName, $"{++directories}"));

    /// <summary>
    /// What was written is on disk and what was read is forgotten, so that nobody pays for the one before him. The host of a virtual machine
    /// takes free memory away, and a page that it has to bring back costs up to ten times one that is there: so the pages that are about to be
    /// filled are touched first.
    /// </summary>
    /// <param name="files">Those of the run that are about to be read, for a machine whose other pages are to stay.</param>
    public void ForgetPages(params IEnumerable<string> files)
    {
        Linux.Sync();
        if (!Options.SharedMachine)
        {
            File.WriteAllText("/proc/sys/vm/drop_caches", "3");
            Linux.TouchMemory(Options.Size + (Options.Size >> 1));
            return;
        }

        // The daemon's socket cannot be opened, nor can what it has locked; both are small.
        foreach (var file in files.Where(file => new FileInfo(file).Length >= 1 << 20))
            using (var handle = File.OpenHandle(file))
                _ = Linux.Advise((int)handle.DangerousGetHandle(), 0, 0, Linux.DontNeed);
    }

    public async ValueTask DisposeAsync()
    {
        if (Nginx is not null)
            await Nginx.DisposeAsync();
        disk.Delete(recursive: true);
        memory.Delete(recursive: true);
    }
}

/// <summary>A directory that is gone when its user is done with it.</summary>
internal sealed class Scratch : IDisposable
{
    public Scratch(string directory) => Directory = System.IO.Directory.CreateDirectory(directory).FullName;

    public string Directory { get; }

    public string File(string name) => Path.Combine(Directory, name);

    /// <summary>Bytes on disk of all files below, as <c>du</c> counts them.</summary>
    public static async Task<long> DiskBytesAsync(string directory, CancellationToken cancellation) => long.Parse(
        (await Child.RunAsync("du", cancellation, "-s", "--block-size=1", directory)).Split('\t')[0], CultureInfo.InvariantCulture);

    public void Dispose() => System.IO.Directory.Delete(Directory, recursive: true);
}
