using System.Diagnostics;

namespace ModelFs.Hosting;

/// <summary>How to start this program once more.</summary>
internal sealed record Executable(string FileName, IReadOnlyList<string> FirstArguments)
{
    /// <summary>The file <c>modelfs</c>, or <c>dotnet modelfs.dll</c> where it was started that way.</summary>
    public static Executable Current { get; } =
        Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet"
            ? new Executable(Environment.ProcessPath!, [Path.Combine(AppContext.BaseDirectory, "modelfs.dll")])
            : new Executable(Environment.ProcessPath!, []);

    public ProcessStartInfo StartInfo(params IEnumerable<string> arguments) =>
        new(FileName, [.. FirstArguments, .. arguments]) { UseShellExecute = false };
}
